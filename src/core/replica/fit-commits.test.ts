import { describe, expect, it } from 'vitest';
import { siblingOf, type Change } from '../change.ts';
import type { Content } from '../content.ts';
import { sha256Hex } from '../crypto/hash.ts';
import type { CommitKey, ContentDigest, ObjectId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import { encodeCommit, objectsNamed, resultingRevision } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { itemsJudged, judgeCommit } from '../log/rule.ts';
import type { HistoryEntry, ItemState } from '../ports/store.ts';
import { fitCarried, fitCommits } from './fit-commits.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

/** A body in `pieces` objects of its own. */
function body(text: string, pieces = 1): Content {
  const objects = Array.from({ length: pieces }, (_, index) => sha256Hex(`${text}/${index}`) as unknown as ObjectId);
  return {
    digest: sha256Hex(text) as unknown as ContentDigest,
    size: pieces,
    attributes: {},
    pieces: objects.map((object) => ({ object, keyId: 1, offset: 0, length: 1 })),
  };
}

const bodies = (count: number, pieces = 1): Content[] => Array.from({ length: count }, (_, index) => body(`old ${index}`, pieces));

/** The rule applied to the runs, one commit after the other; and that each keeps the limits. */
function judged(runs: readonly Change[][], start: ItemState[] = []): { items: Map<string, ItemState>; history: HistoryEntry[] } {
  const items = new Map(start.map((state) => [itemKey(state.item), state]));
  const history: HistoryEntry[] = [];
  for (const [position, changes] of runs.entries()) {
    const commit: Commit = { id: `${position}` as Commit['id'], time: 0, message: '', writer: 'test', changes, carried: [] };
    expect(changes.length).toBeLessThanOrEqual(LIMITS.changesPerCommit);
    expect(objectsNamed(changes).length).toBeLessThanOrEqual(LIMITS.objectsPerRecord);
    expect(encodeCommit(commit, { objects: [], keyId: 0 }).length).toBeLessThanOrEqual(LIMITS.commitCiphertext / 2);
    for (const change of changes)
      if (change.type === 'put' || change.type === 'keep') expect(change.history.length).toBeLessThanOrEqual(LIMITS.historyPerPut);
    const of = new Map(
      itemsJudged(commit).flatMap((item) => (items.has(itemKey(item)) ? [[itemKey(item), items.get(itemKey(item)) as ItemState]] : [])),
    );
    const verdict = judgeCommit(commit, { key: `${position}` as CommitKey, carried: [] }, position, {
      items: of,
      siblings: [],
      isUsed: () => false,
    });
    if (!verdict.ok) throw new Error(verdict.error);
    for (const state of verdict.value.items) items.set(itemKey(state.item), state);
    history.push(...verdict.value.history);
  }
  return { items, history };
}

const put = (content: Content, history: readonly Content[], base: ItemState | null = null): Change => ({
  type: 'put',
  item: FILE,
  base: base?.revision ?? null,
  needs: [],
  content,
  history,
});
const stateOf = (content: Content | null): ItemState => {
  const made = put(body('before'), []) as Extract<Change, { type: 'put' }>;
  return { item: FILE, revision: resultingRevision(made), position: 0, content };
};

describe('changes that fit into commits', () => {
  it('are one commit as they are where they fit', () => {
    const changes = [put(body('new'), bodies(LIMITS.historyPerPut))];
    expect(fitCommits(changes, () => null)).toEqual([changes]);
    expect(fitCommits([], () => null)).toEqual([]);
  });

  it.each([
    ['an item that was not there', null],
    ['an item', stateOf(body('held'))],
    ['a deleted item', stateOf(null)],
  ])('list thousands of bodies as the history of %s', (_, before) => {
    const old = bodies(4_321);
    const runs = fitCommits([put(body('new'), old, before)], () => before?.content ?? null);
    const { items, history } = judged(runs, before === null ? [] : [before]);
    expect(items.get(itemKey(FILE))?.content).toEqual(body('new'));
    const listed = new Set(history.map((entry) => entry.content?.digest));
    expect(old.filter((content) => !listed.has(content.digest))).toEqual([]);
  });

  it('keep a sibling behind what lists its history, and what follows it', () => {
    const before = stateOf(body('held'));
    const keep: Change = { type: 'keep', item: FILE, base: before.revision, needs: [], content: body('ours'), history: bodies(2_500) };
    const runs = fitCommits([keep, put(body('later'), [], before)], () => before.content);
    const { items, history } = judged(runs, [before]);
    expect(items.get(itemKey(FILE))?.content).toEqual(body('later'));
    const kept = history.find((entry) => entry.type === 'keep');
    expect(kept?.revision).toBe(siblingOf(FILE, kept?.base ?? null, body('ours').digest));
  });

  it('name no more objects than a record may', () => {
    const runs = fitCommits([put(body('new', 3_000), bodies(9, 3_000))], () => null);
    expect(runs.length).toBeGreaterThan(1);
    expect(judged(runs).items.get(itemKey(FILE))?.content?.pieces.length).toBe(3_000);
  });

  it('are cut at so many changes, and so many bytes', () => {
    const many = (length: number): Change[] =>
      Array.from({ length: 5_000 }, (_, index) => ({
        ...put(body(`${index}`), []),
        item: { kind: 'text', name: `${index}`.padStart(length, 'x') },
      }));
    expect(fitCommits(many(8), () => null).map((run) => run.length)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
    const long = fitCommits(many(LIMITS.nameBytes), () => null);
    expect(long.flat()).toEqual(many(LIMITS.nameBytes));
    judged(long);
  });
});

describe('records that commits carry', () => {
  it('are in runs that a commit holds', () => {
    const records = Array.from({ length: 40 }, (_, index) => new Uint8Array(100_000 + index));
    const runs = fitCarried([...records, new Uint8Array(LIMITS.commitCiphertext)]);
    expect(runs.flat()).toHaveLength(41);
    for (const run of runs.slice(0, -1)) expect(run.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(LIMITS.commitCiphertext / 2);
    expect(runs.at(-1)).toHaveLength(1);
  });
});
