import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A disk of a few megabytes, in memory, mounted at `folder`. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  makeRoom(): void;
  remove(): void;
}

/** `null` where this user may not mount: macOS, or Linux without the right to. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk | null {
  mkdirSync(folder, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', folder]);
  if (mounted.error !== undefined || mounted.status !== 0) return null;
  const filler = path.join(folder, 'filler');
  return {
    folder,
    fill() {
      for (let left = megabytes * 256; left > 0; left -= 1) {
        try {
          writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          return;
        }
      }
    },
    makeRoom: () => rmSync(filler, { force: true }),
    remove: () => void execFileSync('umount', ['-l', folder]),
  };
}
