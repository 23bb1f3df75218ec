import { expect, it } from 'vitest';
import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { CommitId, ContentDigest, ObjectId, Revision } from '../ids.ts';
import type { Item } from '../item.ts';
import type { Kind, KindRegistry } from '../merge/kind.ts';
import type { Reland } from './reland.ts';
import { splitReland } from './split-reland.ts';

const ID = '11'.repeat(16) as CommitId;
const LOST = 'lost' as ObjectId;

const item = (name: string, kind = 'text'): Item => ({ kind, name });
const content = (text: string, object = 'here'): Content => ({
  digest: text as ContentDigest,
  size: 1,
  attributes: {},
  pieces: [{ object: object as ObjectId, keyId: 1, offset: 0, length: 1 }],
});
const theirs = content('theirs', LOST);
const put = (of: Item, what: Content, history: readonly Content[] = []): Change => ({
  type: 'put',
  item: of,
  base: null,
  needs: [],
  content: what,
  history,
});

/** Folders are atomic groups by their first name. */
const folder: Kind = {
  id: 'folder',
  deletable: true,
  appends: false,
  atomicGroups: true,
  groupOf: (name) => name.split('/')[0] as string,
  merge: () => ({ type: 'conflict', reason: '' }),
};
const kinds: KindRegistry = { get: (id) => (id === 'folder' ? folder : undefined) };

function split(changes: readonly Change[], bases: readonly (Content | null)[] = []): ReturnType<typeof splitReland> {
  const commit = { id: ID, time: 1, message: 'm', writer: 'w', changes, carried: [Buffer.from('evidence')] };
  const reland: Reland = { id: ID, commit, bases: changes.map((_, index) => bases[index] ?? null), record: null };
  return splitReland(reland, new Set([LOST]), kinds);
}

it('lands what is here, and lets a taken body wait with the base that it was taken over', () => {
  const [base, before] = [content('base'), content('before')];
  const { now, later } = split([put(item('own'), content('own')), put(item('taken'), theirs, [before])], [null, base]);
  expect(now.wishes).toEqual([
    { item: item('own'), base: null, ours: content('own'), history: [] },
    { item: item('taken'), base: null, ours: null, history: [before] },
  ]);
  expect(later).toEqual({
    id: ID,
    commit: { id: ID, time: 1, message: 'm', writer: 'w', changes: [put(item('taken'), theirs)], carried: [Buffer.from('evidence')] },
    bases: [base],
    record: null,
  });
});

it('adds to the history of a body that its author has to bring, and waits for nothing', () => {
  const { now, later } = split([put(item('named'), theirs, [content('mine')])], [theirs]);
  expect(now).toEqual({
    wishes: [{ item: item('named'), base: null, ours: null, history: [content('mine')] }],
    keeps: [],
    resolves: [],
  });
  expect(later).toBeNull();
});

it('settles a conflict with the body that was taken for it, not before', () => {
  const resolve = (of: Item): Change => ({ type: 'resolve', item: of, base: null, needs: [], siblings: ['s' as Revision] });
  const { now, later } = split([put(item('taken'), theirs), resolve(item('taken')), resolve(item('left'))]);
  expect(now.resolves).toEqual([resolve(item('left'))]);
  expect(later?.commit.changes).toEqual([put(item('taken'), theirs), resolve(item('taken'))]);
});

it('makes siblings of what is ours of an atomic group of which a part waits', () => {
  const files = ['skill/a', 'skill/b', 'other/a'].map((name) => item(name, 'folder')) as [Item, Item, Item];
  const { now, later } = split([put(files[0], theirs), put(files[1], content('own')), put(files[2], content('other'))]);
  expect(now.wishes.map((wish) => wish.item)).toEqual([files[2]]);
  expect(now.keeps).toEqual([{ type: 'keep', item: files[1], base: null, needs: [], content: content('own'), history: [] }]);
  expect(later?.commit.changes).toEqual([put(files[0], theirs)]);
});

it('keeps as a sibling what is here of one that is not', () => {
  const kept = { type: 'keep' as const, item: item('kept'), base: null, needs: [] };
  const { now, later } = split([
    { ...kept, content: theirs, history: [content('one'), content('two')] },
    { ...kept, content: content('mine'), history: [theirs] },
  ]);
  expect(now.keeps).toEqual([
    { ...kept, content: content('two'), history: [content('one')] },
    { ...kept, content: content('mine'), history: [] },
  ]);
  expect(later?.commit.changes).toEqual([
    { ...kept, content: theirs, history: [] },
    { ...kept, content: theirs, history: [] },
  ]);
  expect(later?.bases).toEqual([null, null]);
});

it('lets bodies of its own that a copy of the machine wrote wait, whatever they were part of', () => {
  const [one, two] = [content('one', LOST), content('two', LOST)];
  const { now, later } = split(
    [put(item('own'), content('own'), [one, content('mine')]), put(item('named'), theirs, [one, two]), put(item('taken'), theirs, [two])],
    [null, theirs],
  );
  expect(now.wishes).toEqual([{ item: item('own'), base: null, ours: content('own'), history: [content('mine')] }]);
  const kept = { type: 'keep' as const, base: null, needs: [] };
  expect(later?.commit.changes).toEqual([
    { ...kept, item: item('own'), content: one, history: [] },
    { ...kept, item: item('named'), content: two, history: [one] },
    put(item('taken'), theirs, [two]),
  ]);
});
