import { watch, type FSWatcher } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isTemporary, type ScanOptions, type TreeChange, type TreeWatch } from '../../core/ports/files.ts';
import { locate, statPath, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';
import { scanTree } from './node-scan.ts';
import { watchAbove } from './node-watch-above.ts';
import { watchLinked } from './node-watch-linked.ts';

/**
 * Watches every entered folder by a watcher of its own: Node's recursive mode on Linux is a JavaScript emulation that
 * loses files made right after their folder. A new folder is reported as a changed path, so that what was made in it
 * before its watcher stood is seen by the scan of that path. Costs one inotify watch a folder, nothing while idle.
 *
 * The kernel drops events past 16,384 unread ones without Node telling; so many in a burst are reported as `all`.
 */
export function watchTree(place: Place, onChange: (change: TreeChange) => void, options: ScanOptions = {}): TreeWatch {
  const watchers = new Map<string, FSWatcher>();
  const burst = createBurst();
  let failure: string | null = null;
  let closed = false;

  const report = (path: string): void => {
    if (closed || isTemporary(path)) return;
    onChange(burst.overflows() ? { type: 'all' } : { type: 'paths', paths: [path] });
  };

  /** Of files that followed links lead to: the folders that they lie in. */
  const elsewhere = watchLinked(place, (link) => report(link));

  /** Always a new watcher, and the old one goes after it: it may look at a folder that was removed or moved away. */
  const add = (folder: string): void => {
    const real = locate(place, folder);
    if (!real.ok) return;
    try {
      const watcher = watch(real.value, { persistent: false }, (event, name) => onEvent(folder, event, name));
      watcher.on('error', (error) => {
        failure = error.message;
        drop(folder);
        onChange({ type: 'all' });
      });
      watchers.get(folder)?.close();
      watchers.set(folder, watcher);
    } catch (error) {
      if (problemOf(error, folder).type === 'missing') return drop(folder);
      // Most likely too few inotify watches: the caller is told, and scans more often.
      failure = error instanceof Error ? error.message : String(error);
    }
  };

  const drop = (folder: string): void => {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      watchers.delete(path);
    }
  };

  const onEvent = (folder: string, event: string, name: string | null): void => {
    if (closed) return;
    if (name === null) return onChange({ type: 'all' });
    const path = folder === '' ? name : `${folder}/${name}`;
    if (isTemporary(path)) return;
    if (event === 'rename') {
      if (watchers.has(path)) drop(path);
      // Most of what comes is a file.
      if (isFolder(path)) cover(path);
    }
    report(path);
  };

  /**
   * Watchers for a folder and all below it; for a file nothing. What is made in a folder between its listing and its
   * watcher would never be seen: it looks again until it finds no folder without one. O(entries), twice where some are
   * new.
   */
  const cover = (under: string): { readonly found: ReadonlySet<string>; readonly fresh: readonly string[] } => {
    const renewed = new Set<string>();
    const fresh: string[] = [];
    for (;;) {
      const before = fresh.length;
      const found = foldersAt(under);
      for (const path of found) {
        if (renewed.has(path)) continue;
        renewed.add(path);
        if (!watchers.has(path)) fresh.push(path);
        add(path);
      }
      if (fresh.length === before) return { found, fresh };
    }
  };

  /** A followed link to a folder is one. */
  const isFolder = (path: string): boolean => {
    const stat = statPath(place, path);
    return stat.ok && (stat.value.type === 'folder' || place.followed.has(path));
  };

  const foldersAt = (under: string): ReadonlySet<string> => {
    const { entries } = scanTree(place, { ...options, under });
    const folders = [...entries].filter(([path, stat]) => stat.type === 'folder' && options.enters?.(path) !== false);
    return new Set(folders.map(([path]) => path));
  };

  /** Returns the folders that had no watcher yet. */
  const lookAtAll = (): readonly string[] => {
    failure = null;
    add('');
    const { found, fresh } = cover('');
    for (const path of watchers.keys()) if (path !== '' && !found.has(path)) drop(path);
    failure ??= elsewhere.refresh();
    return fresh;
  };

  const refresh = (): void => {
    if (closed) return;
    // They came unnoticed, and so may have what is in them.
    const paths = lookAtAll();
    if (paths.length > 0) onChange({ type: 'paths', paths });
  };

  /** The root came, went, or is another one. */
  const above = watchAbove(place.root, () => {
    refresh();
    onChange({ type: 'all' });
  });

  lookAtAll();
  return {
    refresh,
    async settle() {
      // inotify queues an event before the write returns, and each turn of the event loop reads all that is queued.
      for (let turn = 0; turn < 2; turn++) await nextTurn();
      return process.platform === 'linux';
    },
    problem: () => failure,
    close() {
      closed = true;
      above.close();
      elsewhere.close();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Counts events between turns of the event loop's timers: a burst is what arrives within one second of its start. */
function createBurst(): { overflows(): boolean } {
  const limit = 4_096;
  let count = 0;
  let reset: NodeJS.Timeout | null = null;
  return {
    overflows() {
      count += 1;
      reset ??= setTimeout(() => {
        count = 0;
        reset = null;
      }, 1_000).unref();
      return count > limit;
    },
  };
}
