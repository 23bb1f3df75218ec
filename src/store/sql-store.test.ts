import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MachineId, SpaceId } from '../core/ids.ts';
import { EMPTY_HEAD } from '../core/log/record.ts';
import type { Store, StorePart, StoreTransaction } from '../core/ports/store.ts';
import { createSqliteStore } from './sqlite/sqlite-store.ts';

const SPACE = 'ab'.repeat(32) as SpaceId;
const ITEM = { kind: 'text', name: 'CLAUDE.md' };
const VIEW = { item: ITEM, shown: null, intended: null, notHere: null, local: null };
const RECORD = {
  position: 0,
  hash: SPACE,
  id: '01'.repeat(16),
  signer: '02'.repeat(32) as MachineId,
  term: 0,
  type: 'commit',
  bytes: new Uint8Array(3),
} as unknown as Parameters<StoreTransaction['logs']['append']>[2][number];
const REVISION = '03'.repeat(32) as Parameters<StoreTransaction['items']['removeSiblings']>[2][number];

const PARTS: readonly StorePart[] = ['logs', 'items', 'siblings', 'drafts', 'views of tree', 'views of other', 'documents in notes'];
const WRITES: readonly [string, StorePart | readonly StorePart[], (tx: StoreTransaction) => Promise<unknown>][] = [
  ['records that are appended', 'logs', (tx) => tx.logs.append(SPACE, EMPTY_HEAD, [RECORD])],
  ['records that fill gaps', 'logs', (tx) => tx.logs.fill(SPACE, [RECORD])],
  ['a log that falls back', 'logs', (tx) => tx.logs.fallBack(SPACE, 0)],
  ['fallen records that landed', 'logs', (tx) => tx.logs.dropFallen(SPACE, [RECORD.hash])],
  ['a log that is removed', 'logs', (tx) => tx.logs.remove(SPACE)],
  [
    'conflicts that open',
    'siblings',
    (tx) => tx.items.addSiblings(SPACE, [{ item: ITEM, sibling: REVISION, base: null, position: 1, content: null }]),
  ],
  ['conflicts that are settled', 'siblings', (tx) => tx.items.removeSiblings(SPACE, ITEM, [REVISION])],
  ['states that are put', 'items', (tx) => tx.items.put(SPACE, [{ item: ITEM, revision: REVISION, position: 1, content: null }])],
  ['a state that is derived anew', ['items', 'siblings'], (tx) => tx.items.clear(SPACE)],
  ['a draft that is put', 'drafts', (tx) => tx.drafts.put(SPACE, [{ id: RECORD.id, bytes: RECORD.bytes }])],
  ['a draft that is removed', 'drafts', (tx) => tx.drafts.remove(SPACE, [RECORD.id])],
  ['a view that is put', 'views of tree', (tx) => tx.views.put(SPACE, 'tree', [VIEW])],
  ['a view that is removed', 'views of tree', (tx) => tx.views.remove(SPACE, 'tree', [ITEM])],
  ['views that are cleared', 'views of tree', (tx) => tx.views.clear(SPACE, 'tree')],
  ['a document that is put', 'documents in notes', (tx) => tx.documents.put('notes', 'one', 1)],
  ['a document that is removed', 'documents in notes', (tx) => tx.documents.remove('notes', 'one')],
];

let store: Store;

beforeEach(async () => {
  store = await createSqliteStore({ path: ':memory:' });
});

afterEach(() => store.close());

const countsOf = (): readonly (number | undefined)[] => PARTS.map((part) => store.writes?.(part));

describe('writes of a part', () => {
  for (const [what, written, write] of WRITES) {
    it(`count ${what}, and of no other part`, async () => {
      const before = countsOf();
      await store.write(write);
      expect(countsOf()).toEqual(before.map((count, index) => ([written].flat().includes(PARTS[index]!) ? (count ?? 0) + 1 : count)));
    });
  }

  it('count what was rolled back, too', async () => {
    const write = store.write(async (tx) => {
      await tx.views.put(SPACE, 'tree', [VIEW]);
      throw new Error('the disk failed');
    });
    await expect(write).rejects.toThrow('the disk failed');
    expect(store.writes?.('views of tree')).toBe(1);
  });

  it('do not count what was only read', async () => {
    await store.read(async (tx) => [await tx.views.list(SPACE, 'tree'), await tx.logs.head(SPACE)]);
    expect(countsOf()).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});
