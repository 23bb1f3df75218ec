import { createHash } from 'node:crypto';
import { PlaceDamaged, type RemoteError } from '../../core/ports/remote.ts';

/** Name of a git object: SHA-1 of what it holds, as 40 hex characters. It finds things again; what it finds is verified by Satchel's own hashes. */
export type Oid = string & { readonly __oid: true };

export type GitObjectType = 'blob' | 'tree' | 'commit';

export interface GitObject {
  readonly oid: Oid;
  readonly type: GitObjectType;
  readonly bytes: Uint8Array;
}

export interface TreeEntry {
  /** As git writes it: `100644` for a file, `40000` for a directory. */
  readonly mode: string;
  readonly oid: Oid;
}

export type Tree = ReadonlyMap<string, TreeEntry>;

export interface Commit {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly message: string;
}

export const FILE_MODE = '100644';
export const DIRECTORY_MODE = '40000';
/** What a git object costs at most to be looked at; a tree of ours has a thousand entries. */
const TREE_LIMIT = 1024 * 1024;
/** Who made a commit is no business of the host's: it is the same for all, and so is the time. */
const IDENTITY = 'Satchel <satchel@localhost> 0 +0000';

export function isOid(text: unknown): text is Oid {
  return typeof text === 'string' && /^[0-9a-f]{40}$/.test(text);
}

export function gitObject(type: GitObjectType, bytes: Uint8Array): GitObject {
  const oid = createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex') as Oid;
  return { oid, type, bytes };
}

export function treeObject(entries: Tree): GitObject {
  const sorted = [...entries].map(([name, entry]) => ({ name: Buffer.from(name), ...entry }));
  // As git sorts: a directory as if its name ended in a slash.
  const key = (entry: { readonly name: Buffer; readonly mode: string }): Buffer =>
    entry.mode === DIRECTORY_MODE ? Buffer.concat([entry.name, Buffer.from('/')]) : entry.name;
  sorted.sort((a, b) => Buffer.compare(key(a), key(b)));
  const parts = sorted.flatMap(({ mode, name, oid }) => [Buffer.from(`${mode} `), name, Buffer.from([0]), Buffer.from(oid, 'hex')]);
  return gitObject('tree', Buffer.concat(parts));
}

export function commitObject({ tree, parents, message }: Commit): GitObject {
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${IDENTITY}`,
    `committer ${IDENTITY}`,
    '',
    message,
  ];
  return gitObject('commit', Buffer.from(`${lines.join('\n')}\n`));
}

/** Throws `protocol` for bytes that are no tree. */
export function parseTree(oid: Oid, bytes: Uint8Array): Tree {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (raw.length > TREE_LIMIT) throw foreign(`the directory ${oid} has ${raw.length} bytes`);
  const entries = new Map<string, TreeEntry>();
  for (let at = 0; at < raw.length;) {
    const space = raw.indexOf(0x20, at);
    const end = raw.indexOf(0, at);
    if (space < 0 || end < space || end + 21 > raw.length) throw foreign(`the directory ${oid} cannot be read`);
    const name = raw.toString('utf8', space + 1, end);
    entries.set(name, { mode: raw.toString('latin1', at, space), oid: raw.toString('hex', end + 1, end + 21) as Oid });
    at = end + 21;
  }
  return entries;
}

/** Throws `protocol` for bytes that are no commit. */
export function parseCommit(oid: Oid, bytes: Uint8Array): Commit {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const split = text.indexOf('\n\n');
  const header = split < 0 ? [] : text.slice(0, split).split('\n');
  const tree = header[0]?.startsWith('tree ') === true ? header[0].slice(5) : '';
  if (!isOid(tree)) throw foreign(`the commit ${oid} cannot be read`);
  const parents = header.filter((line) => line.startsWith('parent ')).map((line) => line.slice(7) as Oid);
  return { tree, parents, message: text.slice(split + 2).replace(/\n+$/, '') };
}

/** What stands in the repository is not what Satchel writes. */
export function foreign(what: string): RemoteError {
  return new PlaceDamaged(`the git repository holds what Satchel did not write there: ${what}`);
}
