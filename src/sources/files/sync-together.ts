import { statfsSync } from 'node:fs';
import { release } from 'node:os';
import type { Clock } from '../../core/ports/clock.ts';
import { createSyncShell } from './sync-shell.ts';

/** Makes many files durable at once, by syncing the file systems that they are on. */
export interface SyncTogether {
  /** Whether so many files under a folder are better synced together. */
  isWorth(folder: string, files: number): boolean;
  /**
   * All that was written so far to the file systems of these paths is durable where it resolves to true. False: nobody knows, and
   * each file is to be synced by itself.
   */
  sync(paths: readonly string[], files: number): Promise<boolean>;
}

/** From so many on it costs less than an fsync for each. */
const MANY_FILES = 24;
/**
 * File systems, by their magic numbers in statfs(2), whose syncfs(2) writes all and says what could not be written: ext2 to
 * ext4, XFS, Btrfs, F2FS, tmpfs, overlayfs. Not FUSE, which leaves it to the kernel's side alone, nor network ones.
 */
const WHOLE_SYNC: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994, 0x794c7630]);
/** Where it failed, or all that others had written there took longer than our files would have, it is left alone for so long. */
const AVOID_MS = 60_000;
const PATIENCE_MS = 250;
const PATIENCE_MS_A_FILE = 4;

/** By coreutils' `sync -f`, on Linux 5.8 and newer, from which on syncfs(2) reports what failed. */
export function createSyncTogether(clock: Pick<Clock, 'now'>, program = 'sync'): SyncTogether {
  const isPossible = process.platform === 'linux' && reportsFailures(release());
  const shell = createSyncShell(program);
  let avoidUntil = Number.NEGATIVE_INFINITY;
  const suits = new Map<string, boolean>();

  function suitsFolder(folder: string): boolean {
    const suitable = suits.get(folder) ?? isWhole(folder);
    if (suitable !== null) suits.set(folder, suitable);
    return suitable === true;
  }

  return {
    isWorth: (folder, files) => isPossible && files >= MANY_FILES && clock.now() >= avoidUntil && suitsFolder(folder),
    async sync(paths, files) {
      const began = clock.now();
      for (const path of paths) {
        const isDone = isWhole(path) === true && (await shell.sync(path));
        const isSlow = clock.now() - began > PATIENCE_MS + PATIENCE_MS_A_FILE * files;
        if (!isDone || isSlow) avoidUntil = clock.now() + AVOID_MS;
        if (!isDone) return false;
      }
      return true;
    },
  };
}

function reportsFailures(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** `null`: it is not there yet, or cannot be asked; what is written says why. */
function isWhole(path: string): boolean | null {
  try {
    return WHOLE_SYNC.has(statfsSync(path).type);
  } catch {
    return null;
  }
}
