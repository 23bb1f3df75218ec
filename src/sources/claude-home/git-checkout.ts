import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { remoteOfConfig } from '../../kinds/claude-home/git-config.ts';
import { missingIsNull } from './missing-is-null.ts';

/** The checkout that a folder lies in. */
export interface Checkout {
  readonly root: string;
  /** The folder inside it, slash-separated; `''` for its root. */
  readonly inner: string;
  /** Address of its remote, as configured; `null` where it has none. */
  readonly remote: string | null;
}

/** Looks upwards for a checkout, work trees included. Reads files only: git is not run. O(segments). */
export async function findCheckout(folder: string): Promise<Checkout | null> {
  for (let root = folder; ; root = path.dirname(root)) {
    const config = await configOf(root);
    if (config !== null) {
      const text = await missingIsNull(readFile(config, 'utf8'));
      const inner = path.relative(root, folder).split(path.sep).join('/');
      return { root, inner, remote: text === null ? null : remoteOfConfig(text) };
    }
    if (path.dirname(root) === root) return null;
  }
}

/** The git configuration of the checkout whose root this is; `null`: it is none. */
async function configOf(root: string): Promise<string | null> {
  const entry = path.join(root, '.git');
  const found = await missingIsNull(stat(entry));
  if (found === null) return null;
  if (found.isDirectory()) return path.join(entry, 'config');
  // A work tree or a submodule: the file says where its part of the repository is, and that where the rest is.
  const link = /^gitdir:\s*(.+)$/m.exec((await missingIsNull(readFile(entry, 'utf8'))) ?? '')?.[1];
  if (link === undefined) return null;
  const own = path.resolve(root, link.trim());
  const common = (await missingIsNull(readFile(path.join(own, 'commondir'), 'utf8')))?.trim();
  return path.join(common === undefined ? own : path.resolve(own, common), 'config');
}
