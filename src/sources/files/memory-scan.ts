import type { FileProblem, FileStat, ScanOptions, TreeScan } from '../../core/ports/files.ts';
import type { Result } from '../../core/result.ts';
import type { MemoryDisk } from './memory-disk.ts';

export interface MemoryView {
  readonly disk: MemoryDisk;
  readonly followed: ReadonlySet<string>;
  readonly locate: (path: string) => Result<string, FileProblem>;
  readonly refuses: (path: string) => FileProblem | null;
}

/** See {@link FileTree.scan}. O(entries of the disk) for each folder. */
export function scanMemory(view: MemoryView, options: ScanOptions): TreeScan {
  const { disk } = view;
  const entries = new Map<string, FileStat>();
  const unreadable: { path: string; problem: FileProblem }[] = [];
  if (!disk.hasRoot()) return { root: null, entries, unreadable };
  const children = childrenByFolder(disk);

  const look = (path: string, real: string): void => {
    const stat = disk.stat(real);
    if (stat === null) return;
    if (path !== '') entries.set(path, stat);
    if (stat.type !== 'folder' || (path !== '' && options.enters?.(path) === false)) return;
    const refused = view.refuses(path);
    if (refused !== null) {
      unreadable.push({ path, problem: refused });
      return;
    }
    for (const child of children.get(real) ?? []) {
      const name = child.slice(child.lastIndexOf('/') + 1);
      const below = path === '' ? name : `${path}/${name}`;
      const entry = disk.get(child);
      const isFollowed = view.followed.has(below) && entry?.type === 'link' && disk.stat(entry.target) !== null;
      look(below, isFollowed ? entry.target : child);
    }
  };

  const under = options.under ?? '';
  const real = view.locate(under);
  if (real.ok) look(under, real.value);
  else if (real.error.type !== 'missing') unreadable.push({ path: under, problem: real.error });
  return { root: disk.rootId(), entries, unreadable };
}

export function isBelow(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

function childrenByFolder(disk: MemoryDisk): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const path of disk.paths()) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    // What lies outside the tree hangs under no root.
    if (folder === '' && path.startsWith('/')) continue;
    const list = children.get(folder);
    if (list === undefined) children.set(folder, [path]);
    else list.push(path);
  }
  return children;
}
