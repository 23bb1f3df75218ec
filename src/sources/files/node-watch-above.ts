import { existsSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

/**
 * Tells when a folder comes, goes, or is replaced: by a watcher on the nearest folder above it that exists, which moves
 * down as folders appear. One watch in all; nothing while idle.
 */
export function watchAbove(root: string, onChange: () => void): { close(): void } {
  let watcher: FSWatcher | null = null;
  let closed = false;

  const arm = (): void => {
    watcher?.close();
    watcher = null;
    for (let below = root; !closed; below = path.dirname(below)) {
      const folder = path.dirname(below);
      if (folder === below) return; // the file system's root has nothing above it
      try {
        watcher = watch(folder, { persistent: false }, (event, name) => {
          // That the folder above went itself is told under its own name.
          const concerns = name === null || name === path.basename(below) || name === path.basename(folder);
          if (!closed && event === 'rename' && concerns) moved();
        });
        watcher.on('error', moved);
        if (below !== root && existsSync(below)) return arm(); // it came before the watcher stood
        return;
      } catch {
        // Not there, or not to be watched: the one above it tells when that changes.
      }
    }
  };

  const moved = (): void => {
    if (closed) return;
    arm();
    onChange();
  };

  arm();
  return {
    close() {
      closed = true;
      watcher?.close();
    },
  };
}
