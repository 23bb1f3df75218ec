import { contentsOf, type Change } from '../change.ts';
import { attributesBytes, type Content } from '../content.ts';
import type { Revision } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import { piecesNamed, resultingRevision } from '../log/commit-codec.ts';

/** Of what one commit may name, encoded or hold, so much is used: another's commit must be able to carry its record. */
const MOST_PIECES = LIMITS.objectsPerRecord / 2;
const MOST_BYTES = (LIMITS.commitCiphertext * 3) / 8;

/**
 * Changes that follow one another, in runs that are a commit each and keep the format's limits: of changes, of objects
 * that a record may name, of bytes, and of bodies that one change may list as history. Bodies beyond that are listed
 * by changes of their own that leave the item what it is. `heldBefore` is what an item holds before all of this.
 * Cost: O(changes and the bodies that they name).
 */
export function fitCommits(changes: readonly Change[], heldBefore: (item: Item) => Content | null): Change[][] {
  const runs: Change[][] = [];
  let [pieces, bytes] = [0, 0];
  for (const unit of withFittingHistories(changes, heldBefore)) {
    const named = unit.reduce((sum, change) => sum + piecesNamed(change).length, 0);
    const size = unit.reduce((sum, change) => sum + sizeOf(change), 0);
    const last = runs.at(-1);
    const isFull = (run: readonly Change[]): boolean =>
      run.length + unit.length > LIMITS.changesPerCommit || pieces + named > MOST_PIECES || bytes + size > MOST_BYTES;
    if (last === undefined || isFull(last)) {
      runs.push(unit);
      [pieces, bytes] = [named, size];
    } else {
      last.push(...unit);
      [pieces, bytes] = [pieces + named, bytes + size];
    }
  }
  return runs;
}

/** Records that commits carry, in runs for one commit each. A record alone may take more than half of what fits. */
export function fitCarried(records: readonly Uint8Array[]): Uint8Array[][] {
  const runs: Uint8Array[][] = [];
  for (const record of records) {
    const last = runs.at(-1);
    const isFull = last === undefined || last.length === LIMITS.changesPerCommit || !isSmall([...last, record]);
    if (isFull) runs.push([record]);
    else last.push(record);
  }
  return runs;
}

/** Whether records fit beside the changes of a commit. */
export function isSmall(records: readonly Uint8Array[]): boolean {
  return records.reduce((sum, record) => sum + record.length, 0) <= MOST_BYTES;
}

/** The changes, each with a history that fits. Those of one array stay in one commit. */
function* withFittingHistories(changes: readonly Change[], heldBefore: (item: Item) => Content | null): Generator<Change[]> {
  const isLong = (change: Change): boolean => (change.type === 'put' || change.type === 'keep') && partsOf(change.history).length > 1;
  // Mostly none is, and no revision becomes another.
  if (!changes.some(isLong)) {
    for (const change of changes) yield [change];
    return;
  }
  const held = new Map<string, Content | null>();
  /** Revisions that became others, since more changes lead there. */
  const moved = new Map<string, Revision | null>();
  const now = (item: Item, revision: Revision | null): Revision | null => moved.get(revisionKey(item, revision)) ?? revision;
  for (const given of changes) {
    const { item } = given;
    const needs = given.needs.map((need) => (need.revision === null ? need : { ...need, revision: now(need.item, need.revision) }));
    let change: Change = { ...given, needs, base: now(item, given.base) };
    if ((change.type === 'put' || change.type === 'keep') && isLong(change)) {
      const before = held.has(itemKey(item)) ? (held.get(itemKey(item)) ?? null) : heldBefore(item);
      const listed = listing(item, change.base, before, change.history);
      yield* listed.units;
      change = { ...change, base: listed.revision, history: [] };
      moved.set(revisionKey(item, given.base), listed.revision);
    }
    if (change.type === 'put' || change.type === 'append' || change.type === 'delete') {
      held.set(itemKey(item), change.type === 'delete' ? null : change.content);
      if (change.base !== given.base)
        moved.set(revisionKey(item, resultingRevision({ ...change, base: given.base })), resultingRevision(change));
    }
    yield [change];
  }
}

function revisionKey(item: Item, revision: Revision | null): string {
  return `${itemKey(item)}\0${revision ?? ''}`;
}

/** Changes that list bodies as an item's history and leave it what it is. */
function listing(
  item: Item,
  base: Revision | null,
  held: Content | null,
  bodies: readonly Content[],
): { readonly units: Change[][]; readonly revision: Revision | null } {
  let revision = base;
  const made = (change: Extract<Change, { type: 'put' | 'delete' }>): Change => {
    revision = resultingRevision(change);
    return change;
  };
  const units = partsOf(bodies).map((part): Change[] => {
    if (held !== null) return [made({ type: 'put', item, base: revision, needs: [], content: held, history: part })];
    // What is not there holds no history: it comes and goes inside one commit.
    const [content, history] = [part.at(-1) as Content, part.slice(0, -1)];
    return [
      made({ type: 'put', item, base: revision, needs: [], content, history }),
      made({ type: 'delete', item, base: revision, needs: [] }),
    ];
  });
  return { units, revision };
}

function partsOf(bodies: readonly Content[]): Content[][] {
  const parts: Content[][] = [];
  let pieces = 0;
  for (const body of bodies) {
    const last = parts.at(-1);
    if (last === undefined || last.length === LIMITS.historyPerPut || pieces + body.pieces.length > MOST_PIECES) {
      parts.push([body]);
      pieces = body.pieces.length;
    } else {
      last.push(body);
      pieces += body.pieces.length;
    }
  }
  return parts;
}

/** No less than what a change takes as encoded (docs/formats.md § Commit bodies). */
function sizeOf(change: Change): number {
  const named = piecesNamed(change).length * 48 + Buffer.byteLength(change.item.name) + change.item.kind.length;
  const needs = change.needs.reduce((sum, need) => sum + Buffer.byteLength(need.item.name) + need.item.kind.length + 48, 0);
  return 256 + named + needs + contentsOf(change).reduce((sum, c) => sum + 64 + attributesBytes(c.attributes).length, 0);
}
