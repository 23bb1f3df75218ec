import { RemoteError } from '../../core/ports/remote.ts';
import type { GitBranch } from './git-branch.ts';
import {
  DIRECTORY_MODE,
  FILE_MODE,
  foreign,
  parseTree,
  treeObject,
  type GitObject,
  type Oid,
  type Tree,
  type TreeEntry,
} from './git-object.ts';

const TREE_BYTES = 1024 * 1024;
const TREES_KEPT = 2_048;
const EMPTY: Tree = new Map();

/** Directories of a branch by their names, with those that were read lately kept. */
export interface GitTrees {
  /** A directory of a tip. Throws `protocol` where it is not one. */
  read(oid: Oid): Promise<Tree>;
  /** Files of these paths below a root; absent ones are absent from the map. O(directories on the way). */
  lookUp(root: Oid | null, paths: readonly string[]): Promise<Map<string, Oid>>;
  /** A directory by its path; empty where it is not there. */
  list(root: Oid | null, path: string): Promise<Tree>;
  /** The root with files put (their oids) and taken away (`null`), and the directories that are new for it. */
  edit(root: Oid | null, edits: ReadonlyMap<string, Oid | null>): Promise<{ readonly root: Oid; readonly trees: readonly GitObject[] }>;
}

export function createGitTrees(branch: Pick<GitBranch, 'read' | 'ensure'>): GitTrees {
  const kept = new Map<Oid, Tree>();

  function keep(oid: Oid, tree: Tree): Tree {
    if (kept.size >= TREES_KEPT) for (const oldest of [...kept.keys()].slice(0, TREES_KEPT / 4)) kept.delete(oldest);
    kept.set(oid, tree);
    return tree;
  }

  async function read(oid: Oid): Promise<Tree> {
    const known = kept.get(oid);
    if (known !== undefined) return known;
    return keep(oid, parseTree(oid, await readOrFetch(branch, oid, TREE_BYTES)));
  }

  async function step(tree: Tree, name: string): Promise<Tree> {
    const entry = tree.get(name);
    if (entry === undefined) return EMPTY;
    if (entry.mode !== DIRECTORY_MODE) throw foreign(`${sort(entry)} in place of the directory ${printable(name)}`);
    return read(entry.oid);
  }

  async function lookUp(tree: Tree, paths: readonly Path[], found: Map<string, Oid>): Promise<void> {
    for (const [name, below] of grouped(paths)) {
      const files = below.filter(({ rest }) => rest.length === 0);
      const entry = tree.get(name);
      if (entry === undefined) continue;
      if (files.length > 0 && entry.mode !== FILE_MODE) throw foreign(`${sort(entry)} in place of the file ${printable(name)}`);
      for (const { path } of files) found.set(path, entry.oid);
      const deeper = below.filter(({ rest }) => rest.length > 0);
      if (deeper.length > 0) await lookUp(await step(tree, name), deeper, found);
    }
  }

  async function edit(oid: Oid | null, edits: readonly Edit[], trees: GitObject[]): Promise<Oid | null> {
    const entries = new Map<string, TreeEntry>(oid === null ? EMPTY : await read(oid));
    for (const [name, below] of grouped(edits)) {
      const file = below.find(({ rest }) => rest.length === 0);
      if (file !== undefined) {
        if (file.to === null) entries.delete(name);
        else entries.set(name, { mode: FILE_MODE, oid: file.to });
        continue;
      }
      const before = entries.get(name);
      if (before !== undefined && before.mode !== DIRECTORY_MODE)
        throw foreign(`${sort(before)} in place of the directory ${printable(name)}`);
      const after = await edit(before?.oid ?? null, below, trees);
      if (after === null) entries.delete(name);
      else entries.set(name, { mode: DIRECTORY_MODE, oid: after });
    }
    if (entries.size === 0) return null;
    const tree = treeObject(entries);
    keep(tree.oid, entries);
    if (tree.oid !== oid) trees.push(tree);
    return tree.oid;
  }

  return {
    read,
    async lookUp(root, paths) {
      const found = new Map<string, Oid>();
      if (root !== null) await lookUp(await read(root), paths.map(toPath), found);
      return found;
    },
    async list(root, path) {
      let tree = root === null ? EMPTY : await read(root);
      for (const name of path.split('/')) tree = await step(tree, name);
      return tree;
    },
    async edit(root, edits) {
      const trees: GitObject[] = [];
      const list = [...edits].map(([path, to]) => ({ ...toPath(path), to }));
      const edited = await edit(root, list, trees);
      if (edited !== null) return { root: edited, trees };
      const empty = treeObject(EMPTY);
      return { root: empty.oid, trees: [...trees, empty] };
    },
  };
}

/** What belongs to the tip. Where neither cache nor host have it any more, the branch was replaced meanwhile. */
export async function readOrFetch(branch: Pick<GitBranch, 'read' | 'ensure'>, oid: Oid, limit: number): Promise<Uint8Array> {
  const here = await branch.read(oid, limit);
  if (here !== null) return here;
  await branch.ensure([oid]);
  const fetched = await branch.read(oid, limit);
  if (fetched === null)
    throw new RemoteError('unreachable', `the git host does not have ${oid} any more, which was replaced meanwhile: try again`);
  return fetched;
}

interface Path {
  readonly path: string;
  readonly rest: readonly string[];
}

interface Edit extends Path {
  readonly to: Oid | null;
}

function toPath(path: string): Path {
  return { path, rest: path.split('/') };
}

/** By their next name, each with that name taken off. */
function grouped<T extends Path>(paths: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const path of paths) {
    const [name = '', ...rest] = path.rest;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [{ ...path, rest }]);
    else group.push({ ...path, rest });
  }
  return groups;
}

function sort({ mode }: TreeEntry): string {
  if (mode === '120000') return 'a symbolic link stands';
  if (mode === '160000') return 'a submodule stands';
  if (mode === DIRECTORY_MODE) return 'a directory stands';
  return 'a file stands';
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
