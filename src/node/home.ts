import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from './make-folders.ts';

/** Where a node keeps what is its own. Everything is under SATCHEL_HOME, 0700, files 0600. */
export interface NodeHome {
  readonly root: string;
  readonly store: string;
  readonly objects: string;
  /** Full text, derived: may be deleted at any time. */
  readonly index: string;
  /** Of remotes in git repositories: caches, which may be deleted while nothing runs. */
  readonly git: string;
  readonly keys: string;
  readonly backups: string;
  readonly log: string;
  /** Held by the process that runs the node. */
  readonly lock: string;
  /** Which process holds it, and why; of a process that was killed, until the next. */
  readonly holder: string;
  /** `{pid, address}` of the running node. */
  readonly running: string;
  /** Why a node that was started waits, while it does: `{pid, reason}`. */
  readonly waiting: string;
  /** The token that this machine's commands show to the running node. */
  readonly token: string;
  /** What opens /metrics, where that is served. */
  readonly metricsToken: string;
}

export function nodeHome(root: string): NodeHome {
  return {
    root,
    store: path.join(root, 'store.db'),
    objects: path.join(root, 'objects'),
    index: path.join(root, 'index.db'),
    git: path.join(root, 'git'),
    keys: path.join(root, 'keys'),
    backups: path.join(root, 'backups'),
    log: path.join(root, 'node.log'),
    lock: path.join(root, 'node.lock'),
    holder: path.join(root, 'lock-holder.json'),
    running: path.join(root, 'running.json'),
    waiting: path.join(root, 'waiting.json'),
    token: path.join(root, 'api-token'),
    metricsToken: path.join(root, 'metrics-token'),
  };
}

/** In SATCHEL_HOME: what stood in captured folders before they were first written to. Nothing ever removes it. */
export const REPLACED = 'before-joining';

/** Makes the folders that are missing; a folder of Satchel's that others can read is closed. */
export async function prepareHome(home: NodeHome): Promise<void> {
  for (const folder of [home.root, home.keys]) {
    await makeFolders(folder);
    if (((await stat(folder)).mode & 0o077) !== 0) await chmod(folder, 0o700);
  }
}

/** Whether a node ever ran here. One whose key cannot be read did. */
export async function isStarted(home: NodeHome): Promise<boolean> {
  try {
    await stat(path.join(home.keys, 'machine.json'));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}

/** Durable before it is visible; 0600. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await rename(await writeTemporary(file, text), file);
  await flushFolder(file);
}

/** The same for a file that is not there yet: false where another process, with whom the folder is shared, was faster. */
export async function claimPrivate(file: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(file, text);
  try {
    await link(temporary, file);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
  await flushFolder(file);
  return true;
}

/** Of file systems that keep no second name of a file: nobody shares keys there. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function writeTemporary(file: string, text: string): Promise<string> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

async function flushFolder(file: string): Promise<void> {
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** `null` where there is no such file. */
export async function readPrivate(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export async function removePrivate(file: string): Promise<void> {
  await rm(file, { force: true });
}
