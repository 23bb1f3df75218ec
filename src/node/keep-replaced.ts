import { chmod, copyFile, lstat, open, readlink, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from './make-folders.ts';
import { staysInside } from '../sources/file-tree/link-target.ts';
import { createNodeFiles } from '../sources/files/node-files.ts';
import { REPLACED } from './home.ts';
import type { SatchelNode } from './node.ts';
import { mayEnter, type TreeDefinition } from './tree-sources.ts';

/**
 * Copies files of a captured folder, by their names, to a new folder in SATCHEL_HOME: 0600 (executable ones 0700); links
 * as links, except for those that are carried as what they lead to. Durable when it resolves, with that folder; `null` where none of them is there. O(files of the folder).
 */
export async function keepReplaced(node: SatchelNode, definition: TreeDefinition, names: readonly string[]): Promise<string | null> {
  const { clock, random } = node.deps;
  const files = createNodeFiles({ root: definition.root, random });
  // The disk's spelling may be another Unicode form.
  const paths = new Map<string, string>();
  for (const found of files.scan({ enters: (folder) => mayEnter(definition, folder.normalize('NFC')) }).entries.keys())
    paths.set(found.normalize('NFC'), found);
  const time = new Date(clock.now()).toISOString().replaceAll(':', '-');
  const target = path.join(node.home.root, REPLACED, `${definition.id}-${time}`);
  let copied = 0;
  for (const name of names) if (await copy(name, path.join(definition.root, paths.get(name) ?? name), path.join(target, name))) copied += 1;
  return copied === 0 ? null : target;
}

async function copy(name: string, from: string, to: string): Promise<boolean> {
  const found = await lstat(from).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  if (found === null) return false;
  await makeFolders(path.dirname(to));
  const target = found.isSymbolicLink() ? await readlink(from) : null;
  const file = target === null ? found : await stat(from).catch(() => null);
  if (target !== null && (file?.isFile() !== true || staysInside(name, target))) {
    await symlink(target, to);
    return true;
  }
  if (file?.isFile() !== true) return false;
  await copyFile(from, to);
  await chmod(to, (file.mode & 0o100) === 0 ? 0o600 : 0o700);
  const handle = await open(to, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}
