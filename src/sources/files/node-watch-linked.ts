import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { locate, statPath, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';

export interface LinkedWatch {
  /** Looks at where the links lead now. Returns why changes there may go unnoticed; `null`: all is watched. O(followed links). */
  refresh(): string | null;
  close(): void;
}

/** Reports followed links whose files, elsewhere on the disk, are written to or replaced. Costs one watch a link. */
export function watchLinked(place: Place, onChange: (link: string) => void): LinkedWatch {
  const watchers = new Map<string, { readonly real: string; readonly watcher: FSWatcher }>();

  const drop = (link: string): void => {
    watchers.get(link)?.watcher.close();
    watchers.delete(link);
  };

  /** Editors put another file in the place of the one that was there: the folder tells. */
  const watchFile = (link: string, real: string): string | null => {
    try {
      const watcher = watch(path.dirname(real), { persistent: false }, (_event, name) => {
        if (name === null || name === path.basename(real)) onChange(link);
      });
      watcher.on('error', () => {
        drop(link);
        onChange(link);
      });
      drop(link);
      watchers.set(link, { real, watcher });
      return null;
    } catch (error) {
      return problemOf(error, link).message;
    }
  };

  return {
    refresh() {
      let problem: string | null = null;
      const files = new Map<string, string>();
      for (const link of place.followed) {
        const [real, stat] = [locate(place, link), statPath(place, link)];
        if (real.ok && stat.ok && stat.value.type === 'file') files.set(link, real.value);
      }
      for (const link of watchers.keys()) if (!files.has(link)) drop(link);
      for (const [link, real] of files) if (watchers.get(link)?.real !== real) problem ??= watchFile(link, real);
      return problem;
    },
    close() {
      for (const link of watchers.keys()) drop(link);
    },
  };
}
