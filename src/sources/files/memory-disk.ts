import type { FileStat } from '../../core/ports/files.ts';

export interface MemoryDiskOptions {
  readonly foldsCase?: boolean;
  readonly foldsUnicode?: boolean;
  /** Milliseconds, for the times of files; counts up by one a change where absent. */
  readonly now?: () => number;
}

export type MemoryEntry =
  | { readonly type: 'file'; readonly body: Uint8Array }
  | { readonly type: 'link'; readonly target: string }
  | { readonly type: 'folder' }
  | { readonly type: 'other' };

/**
 * The disk behind memory files, and the hand of the local user on it: nothing is checked, parents are made. Paths
 * that begin with `/` are outside the tree. Names keep the spelling that they were made with.
 */
export interface MemoryDisk {
  hasRoot(): boolean;
  /** Identity of the root folder. */
  rootId(): string;
  /** Unmounts: nothing is there. */
  dropRoot(): void;
  /** Another, empty folder in place of the root. */
  replaceRoot(): void;
  /** The dropped one again, or a first one. */
  restoreRoot(): void;
  get(path: string): MemoryEntry | undefined;
  stat(path: string): FileStat | null;
  /** Every path in its stored spelling, sorted. */
  paths(): string[];
  /** In place where a file is there (its inode stays), as editors that do not rename write. */
  write(path: string, body: Uint8Array, mode?: number): void;
  append(path: string, tail: Uint8Array): void;
  link(path: string, target: string): void;
  special(path: string): void;
  makeFolder(path: string): void;
  chmod(path: string, mode: number): void;
  /** Milliseconds. */
  setModified(path: string, time: number): void;
  /** With all below it. */
  remove(path: string): void;
  rename(from: string, to: string): void;
  /** Calls back with each changed path; `null` for the root. Returns how to stop. */
  onChange(call: (path: string | null) => void): () => void;
}

interface Node {
  path: string;
  entry: MemoryEntry;
  mtime: number;
  ctime: number;
  ino: bigint;
  mode: number;
}

export function createMemoryDisk(options: MemoryDiskOptions = {}): MemoryDisk {
  let nodes = new Map<string, Node>();
  let dropped: Map<string, Node> | null = null;
  let present = true;
  let inodes = 1n;
  let roots = 1;
  let ticks = 1_700_000_000_000;
  const listeners = new Set<(path: string | null) => void>();

  const now = (): number => options.now?.() ?? (ticks += 1);
  const key = (path: string): string => {
    const unicode = options.foldsUnicode ? path.normalize('NFC') : path;
    return options.foldsCase ? unicode.toUpperCase().toLowerCase() : unicode;
  };
  const changed = (path: string | null): void => {
    for (const call of listeners) call(path);
  };
  const makeParents = (path: string): string => {
    const parent = parentOf(path);
    if (parent === '') return path;
    const there = nodes.get(key(parent));
    if (there === undefined) make(parent, { type: 'folder' }, 0o700);
    // A folder that exists keeps its spelling.
    return `${nodes.get(key(parent))?.path ?? parent}${path.slice(parent.length)}`;
  };
  const make = (path: string, entry: MemoryEntry, mode: number): void => {
    const spelled = makeParents(path);
    const before = nodes.get(key(path));
    const time = now();
    const ino = before !== undefined && before.entry.type === entry.type ? before.ino : (inodes += 1n);
    nodes.set(key(path), { path: before?.path ?? spelled, entry, mtime: time, ctime: time, ino, mode });
    changed(before?.path ?? spelled);
  };
  const below = (path: string): Node[] => {
    const prefix = `${key(path)}/`;
    return [...nodes].filter(([at]) => at.startsWith(prefix)).map(([, node]) => node);
  };
  const disk: MemoryDisk = {
    hasRoot: () => present,
    rootId: () => `root:${roots}`,
    dropRoot() {
      present = false;
      dropped = nodes;
      nodes = new Map();
      changed(null);
    },
    replaceRoot() {
      present = true;
      roots += 1;
      nodes = new Map();
      changed(null);
    },
    restoreRoot() {
      present = true;
      if (dropped !== null) nodes = dropped;
      dropped = null;
      changed(null);
    },
    get: (path) => (path === '' ? { type: 'folder' } : nodes.get(key(path))?.entry),
    stat(path) {
      if (!present) return null;
      if (path === '') return { type: 'folder', size: 0, mtimeNs: 0n, ctimeNs: 0n, ino: BigInt(roots), mode: 0o700 };
      const node = nodes.get(key(path));
      if (node === undefined) return null;
      const size = node.entry.type === 'file' ? node.entry.body.length : 0;
      return {
        type: node.entry.type,
        size,
        mtimeNs: nanoseconds(node.mtime),
        ctimeNs: nanoseconds(node.ctime),
        ino: node.ino,
        mode: node.mode,
      };
    },
    paths: () => [...nodes.values()].map((node) => node.path).toSorted(),
    write(path, body, mode) {
      const before = nodes.get(key(path));
      make(path, { type: 'file', body: body.slice() }, mode ?? (before?.entry.type === 'file' ? before.mode : 0o644));
    },
    append(path, tail) {
      const entry = nodes.get(key(path))?.entry;
      const head = entry?.type === 'file' ? entry.body : new Uint8Array(0);
      disk.write(path, Buffer.concat([head, tail]));
    },
    link: (path, target) => make(path, { type: 'link', target }, 0o777),
    special: (path) => make(path, { type: 'other' }, 0o644),
    makeFolder: (path) => make(path, { type: 'folder' }, 0o700),
    chmod(path, mode) {
      const node = nodes.get(key(path));
      if (node !== undefined) nodes.set(key(path), { ...node, mode, ctime: now() });
      changed(path);
    },
    setModified(path, time) {
      const node = nodes.get(key(path));
      if (node !== undefined) nodes.set(key(path), { ...node, mtime: time, ctime: now() });
    },
    remove(path) {
      for (const node of below(path)) nodes.delete(key(node.path));
      const spelled = nodes.get(key(path))?.path ?? path;
      nodes.delete(key(path));
      changed(spelled);
    },
    rename(from, to) {
      const moved = nodes.get(key(from));
      if (moved === undefined) return;
      const children = below(from);
      const target = makeParents(to);
      if (key(from) !== key(to)) for (const node of [...below(to), { path: to }]) nodes.delete(key(node.path));
      nodes.delete(key(from));
      nodes.set(key(to), { ...moved, path: target, ctime: now() });
      for (const child of children) {
        nodes.delete(key(child.path));
        const path = target + child.path.slice(moved.path.length);
        nodes.set(key(path), { ...child, path });
      }
      changed(from);
      changed(target);
    },
    onChange(call) {
      listeners.add(call);
      return () => listeners.delete(call);
    },
  };
  return disk;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** As coarse as the clock: two writes in one millisecond may look the same, as they may on a real disk. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * 1_000_000n;
}
