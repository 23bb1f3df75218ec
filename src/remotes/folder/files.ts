import { link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesToHex, isHex16 } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { unless } from './errors.ts';
import { checkDirectories } from './open-file.ts';

/** Writing in a shared folder so that a crash, or another writer, at any point leaves whole files only. */
export interface FolderFiles {
  /**
   * Makes `path` hold `bytes`, durably, unless it exists: then false. Of several at once one wins. The directory is
   * made where it is missing, but not its parent.
   */
  publish(path: string, bytes: Uint8Array): Promise<boolean>;
  /**
   * Puts a file of these parts in the place of another, durably, at once or not at all. Between the parts are zeros,
   * which take no space where the file system knows holes.
   */
  replace(path: string, size: number, parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[]): Promise<void>;
  /** Of these files, those that are older than an hour, by the folder's own clock. */
  settled(paths: readonly string[]): Promise<string[]>;
  /** Makes the entries of a directory durable, whoever wrote them. A directory that is not there is no error. */
  sync(directory: string): Promise<void>;
  /** Makes a directory whose parent is there, durably. Cheap when repeated. */
  ensure(directory: string): Promise<void>;
  /** Takes a file or directory out of sight at once, and then deletes it. No error where it is missing. */
  discard(path: string): Promise<void>;
  /** Deletes temporary files of crashed writers, older than a day by the folder's own clock. */
  clean(): Promise<void>;
}

export const DIRECTORY_MODE = 0o700;
export const FILE_MODE = 0o600;

const STALE_AFTER = 24 * 60 * 60 * 1000;
const SETTLED_AFTER = 60 * 60 * 1000;

/** `temporary` lies on the same file system as everything that is published. */
export function createFolderFiles(temporary: string, random: Random): FolderFiles {
  const ensured = new Set<string>();
  const root = dirname(temporary);
  const temporaryPath = (): string => join(temporary, bytesToHex(random.bytes(16)));

  async function ensure(directory: string): Promise<void> {
    if (ensured.has(directory)) return;
    await mkdir(directory, { mode: DIRECTORY_MODE }).catch(unless('EEXIST'));
    await checkDirectories(root, directory);
    // Also where it existed: whoever made it may have been killed before this.
    await syncDirectory(dirname(directory));
    ensured.add(directory);
  }

  /** The folder's clock may be another machine's: ages are measured against a file made now. */
  async function timeThere(): Promise<number> {
    await checkDirectories(root, temporary);
    const probe = temporaryPath();
    await writeDurably(probe, new Uint8Array(0));
    const { mtimeMs } = await stat(probe);
    await unlink(probe).catch(unless('ENOENT'));
    return mtimeMs;
  }

  return {
    ensure,
    sync: syncDirectory,
    async publish(path, bytes) {
      const directory = dirname(path);
      await checkDirectories(root, temporary);
      await checkDirectories(root, directory);
      const draft = temporaryPath();
      try {
        await writeDurably(draft, bytes);
        await ensure(directory);
        const published = await linkOnce(draft, path).catch(async (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
          ensured.delete(directory); // it was there, and someone removed it
          await ensure(directory);
          return linkOnce(draft, path);
        });
        if (published) await syncDirectory(directory);
        return published;
      } finally {
        // What is published stays so, and what failed has its own error: a draft that stays behind is cleared by age.
        await unlink(draft).catch(() => undefined);
      }
    },
    async replace(path, size, parts) {
      await checkDirectories(root, temporary);
      await checkDirectories(root, dirname(path));
      const draft = temporaryPath();
      const file = await open(draft, 'wx', FILE_MODE);
      try {
        await file.truncate(size);
        for (const { offset, bytes } of parts) {
          for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
      await syncDirectory(dirname(path));
    },
    async settled(paths) {
      if (paths.length === 0) return [];
      const now = await timeThere();
      const old: string[] = [];
      for (const path of paths) {
        const found = await stat(path).catch(unless('ENOENT'));
        if (found !== undefined && now - found.mtimeMs > SETTLED_AFTER) old.push(path);
      }
      return old;
    },
    async discard(path) {
      await checkDirectories(root, temporary);
      await checkDirectories(root, dirname(path));
      const gone = temporaryPath();
      const moved = await rename(path, gone).then(() => true, unless('ENOENT'));
      if (moved === true) await rm(gone, { recursive: true, force: true });
    },
    async clean() {
      await checkDirectories(root, temporary);
      const names = (await readdir(temporary)).filter(isHex16);
      if (names.length === 0) return;
      const now = await timeThere();
      for (const name of names) {
        const path = join(temporary, name);
        const found = await lstat(path).catch(unless('ENOENT'));
        if (found !== undefined && now - found.mtimeMs > STALE_AFTER) await rm(path, { recursive: true, force: true });
      }
    },
  };
}

/** Creates a new file with these bytes on the disk. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** False where `path` exists. A network file system may repeat a link that had worked: then it is ours already. */
async function linkOnce(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const [ours, there] = await Promise.all([stat(draft, { bigint: true }), stat(path, { bigint: true })]);
  return ours.nlink > 1n && ours.ino === there.ino && ours.dev === there.dev;
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories, and some shares sync none: there an entry is as durable as it gets.
  const handle = await open(directory, 'r').catch(unless('ENOENT', 'EISDIR', 'EPERM'));
  if (handle === undefined) return;
  try {
    await handle.sync().catch(unless('EINVAL', 'EBADF', 'ENOTSUP', 'EISDIR', 'EPERM', 'EROFS'));
  } finally {
    await handle.close();
  }
}
