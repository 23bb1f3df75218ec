import { lstatSync, readdirSync, statSync } from 'node:fs';
import type { FileProblem, FileStat, ScanOptions, TreeScan } from '../../core/ports/files.ts';
import { locate, toFileStat, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';

/** See {@link FileTree.scan}. */
export function scanTree(place: Place, options: ScanOptions = {}): TreeScan {
  const entries = new Map<string, FileStat>();
  const unreadable: { path: string; problem: FileProblem }[] = [];
  const note = (path: string, problem: FileProblem): void => {
    if (problem.type !== 'missing') unreadable.push({ path, problem });
  };

  const look = (path: string, real: string): void => {
    let stat: FileStat;
    try {
      const follow = path === '' || place.followed.has(path);
      const there = follow ? statSync(real, { bigint: true, throwIfNoEntry: false }) : undefined;
      stat = toFileStat(there ?? lstatSync(real, { bigint: true }));
    } catch (error) {
      return path.includes('\ufffd')
        ? note(path, { type: 'io', message: `the name ${JSON.stringify(path)} is not valid UTF-8` })
        : note(path, problemOf(error, path));
    }
    if (path !== '') entries.set(path, stat);
    if (stat.type === 'folder' && (path === '' || options.enters?.(path) !== false)) enter(path, real);
  };

  const enter = (path: string, real: string): void => {
    let names: string[];
    try {
      names = readdirSync(real);
    } catch (error) {
      return note(path, problemOf(error, path));
    }
    for (const name of names) look(path === '' ? name : `${path}/${name}`, `${real}/${name}`);
  };

  const root = rootIdentity(place, unreadable);
  if (root !== null) {
    const under = options.under ?? '';
    const real = locate(place, under);
    if (real.ok) look(under, real.value);
    else note(under, real.error);
  }
  return { root, entries, unreadable };
}

function rootIdentity(place: Place, unreadable: { path: string; problem: FileProblem }[]): string | null {
  try {
    const stat = statSync(place.root, { bigint: true });
    return stat.isDirectory() ? `${stat.dev}:${stat.ino}` : null;
  } catch (error) {
    const problem = problemOf(error, '');
    if (problem.type !== 'missing') unreadable.push({ path: '', problem });
    return null;
  }
}
