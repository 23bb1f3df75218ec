import { decodeRecord, type Head } from '../../core/log/record.ts';
import type { ReadLimit } from '../../core/ports/remote.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import type { GitBranch } from './git-branch.ts';
import { FILE_MODE, foreign, type Oid } from './git-object.ts';
import { readOrFetch, type GitTrees } from './git-tree.ts';
import { decodeSegment, SEGMENT_BYTES } from './segment-blob.ts';

/** The log in the tree of a branch: a file an append, named by the position of its first record. */
export interface GitLog {
  /** Where the segment goes whose first record has this position. */
  pathOf(first: number): string;
  /** Encoded records from a position on, up to a head that the tree's commit names. */
  read(root: Oid | null, head: Head | null, from: number, limit: ReadLimit): Promise<readonly Uint8Array[]>;
  /** All control records, encoded. Reads the whole log. */
  controls(root: Oid | null, head: Head | null): Promise<readonly Uint8Array[]>;
}

interface Place {
  readonly first: number;
  readonly oid: Oid;
}

const PER_DIRECTORY = 1_000;
/** Segments that are fetched with one connection, where the host left them out. */
const AHEAD = 256;

/** A directory holds the segments that begin within a thousand positions; one above it, a thousand of those. */
export function createGitLog(branch: Pick<GitBranch, 'read' | 'ensure'>, trees: GitTrees): GitLog {
  const leafOf = (position: number): number => Math.floor(position / PER_DIRECTORY);
  const leafPath = (leaf: number): string => `log/${digits(Math.floor(leaf / PER_DIRECTORY), 6)}/${digits(leaf % PER_DIRECTORY, 3)}`;
  const pathOf = (first: number): string => `${leafPath(leafOf(first))}/${digits(first, 12)}`;
  /** Controls of a log that was read before, up to a head. */
  let scanned: { readonly head: Head; readonly controls: readonly Uint8Array[] } | null = null;

  /** The segments of a leaf, ascending. */
  async function segments(root: Oid | null, leaf: number): Promise<Place[]> {
    const places: Place[] = [];
    for (const [name, { mode, oid }] of await trees.list(root, leafPath(leaf))) {
      if (mode !== FILE_MODE || !/^\d{12}$/.test(name) || leafOf(Number(name)) !== leaf)
        throw foreign(`${JSON.stringify(name.slice(0, 80))} in the log`);
      places.push({ first: Number(name), oid });
    }
    return places.toSorted((a, b) => a.first - b.first);
  }

  /** The segments from the one on that holds `from`, as many as are fetched at once. A segment is no longer than a leaf. */
  async function placesFrom(root: Oid | null, from: number, last: number): Promise<Place[]> {
    const leaf = leafOf(from);
    const before = leaf === 0 ? [] : await segments(root, leaf - 1);
    const found = [...before, ...(await segments(root, leaf))];
    for (let next = leaf + 1; next <= leafOf(last) && found.length < AHEAD; next += 1) found.push(...(await segments(root, next)));
    const holding = found.findLastIndex(({ first }) => first <= from);
    if (holding < 0) throw foreign(`${pathOf(from)} is missing`);
    return found.slice(holding, holding + AHEAD);
  }

  async function readSegment({ first, oid }: Place, head: Head): Promise<readonly Uint8Array[]> {
    const bytes = await readOrFetch(branch, oid, SEGMENT_BYTES);
    const { records, last } = decodeSegment(pathOf(first), first, bytes);
    const { position } = last.header;
    if (position > head.position || (position === head.position && last.hash !== head.hash))
      throw foreign(`${pathOf(first)} ends in another head`);
    return records;
  }

  async function read(root: Oid | null, head: Head | null, from: number, limit: ReadLimit): Promise<readonly Uint8Array[]> {
    const page: Uint8Array[] = [];
    if (head === null || from > head.position) return page;
    const places = await placesFrom(root, from, head.position);
    await branch.ensure(places.map(({ oid }) => oid));
    let bytes = 0;
    let next = from;
    for (const place of places) {
      const records = await readSegment(place, head);
      if (next < place.first || next >= place.first + records.length) throw foreign(`position ${next} is missing in the log`);
      for (const record of records.slice(next - place.first)) {
        bytes += record.length;
        if (page.length === limit.records || (page.length > 0 && bytes > limit.bytes)) return page;
        page.push(record);
        next += 1;
      }
    }
    return page;
  }

  return {
    pathOf,
    read,
    async controls(root, head) {
      const controls: Uint8Array[] = [];
      if (head === null) return controls;
      if (scanned?.head.hash === head.hash) return scanned.controls;
      for (let from = 0; from <= head.position;) {
        const page = await read(root, head, from, { records: REMOTE_LIMITS.readRecords, bytes: REMOTE_LIMITS.readBytes });
        from += page.length;
        for (const bytes of page) {
          const record = decodeRecord(bytes);
          if (record.ok && record.value.header.type === 'control') controls.push(bytes);
        }
      }
      scanned = { head, controls };
      return controls;
    },
  };
}

function digits(number: number, length: number): string {
  return String(number).padStart(length, '0');
}
