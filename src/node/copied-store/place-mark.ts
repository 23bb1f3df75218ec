import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { readPrivate, type NodeHome } from '../home.ts';

/**
 * Where a store lies, as far as a copy of it would differ: the file that says so, by its number on the disk and its
 * birth, and the system that it is on. A moved folder is the same place.
 */
interface PlaceMark {
  readonly inode: string;
  /** Milliseconds since 1970. */
  readonly born: number;
  /** `null` where a system has none, or may get another one while the disk stays. */
  readonly system: string | null;
}

const fileOf = (home: NodeHome): string => path.join(home.keys, 'place.json');

/** Whether the store was copied here from elsewhere; false for one that has no mark yet. Cost: two small files. */
export async function isCopied(home: NodeHome, system = systemId): Promise<boolean> {
  const text = await readPrivate(fileOf(home));
  const mark = text === null ? null : parse(text);
  if (mark === null) return false;
  const found = await stat(fileOf(home), { bigint: true });
  // Some disks number files anew each time that they are mounted, and some keep no births: a copy has another of both.
  const isOtherFile = String(found.ino) !== mark.inode && Math.abs(Number(found.birthtimeMs) - mark.born) > 1;
  const now = await system();
  return isOtherFile || (mark.system !== null && now !== null && mark.system !== now);
}

/** The store is at home where it lies now. */
export async function markPlace(home: NodeHome, system = systemId): Promise<void> {
  const temporary = `${fileOf(home)}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    const { ino, birthtimeMs } = await handle.stat({ bigint: true });
    const mark: PlaceMark = { inode: String(ino), born: Number(birthtimeMs), system: await system() };
    await handle.writeFile(JSON.stringify(mark));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, fileOf(home));
}

export async function isMarked(home: NodeHome): Promise<boolean> {
  return (await readPrivate(fileOf(home))) !== null;
}

/** A container's system is a new one each time, its disk is not. */
async function systemId(): Promise<string | null> {
  const isThere = (file: string): Promise<boolean> =>
    stat(file).then(
      () => true,
      () => false,
    );
  if ((await isThere('/.dockerenv')) || (await isThere('/run/.containerenv'))) return null;
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return /^[0-9a-f]{32}\s*$/.test(id) ? id.trim() : null;
}

/** `null` for what is damaged: a place that cannot be told is marked anew. */
function parse(text: string): PlaceMark | null {
  try {
    const { inode, born, system } = JSON.parse(text) as Partial<PlaceMark>;
    if (typeof inode !== 'string' || typeof born !== 'number') return null;
    return { inode, born, system: typeof system === 'string' ? system : null };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
