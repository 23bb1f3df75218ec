import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import {
  commitKey,
  type CommitId,
  type ContentDigest,
  type MachineId,
  type ObjectId,
  type RecordHash,
  type Revision,
  type SpaceId,
} from '../../src/core/ids.ts';
import type { FeedAddition, FeedEntry } from '../../src/core/ports/feeds.ts';
import { itemKey, type Item } from '../../src/core/item.ts';
import { EMPTY_HEAD, type Head } from '../../src/core/log/record.ts';
import type { HistoryEntry, ItemState, Sibling, Store, StoredRecord, StoreTransaction, View } from '../../src/core/ports/store.ts';
import { historyOfManyPieces } from './store-history.ts';

/** A store under test. `reopen` closes it and opens the same data again; absent where nothing outlives the process. */
export interface StoreSubject {
  readonly store: Store;
  reopen?(): Promise<Store>;
  /** How many bytes the history's contents take, of all spaces. */
  historyBytes?(): Promise<number>;
  /** Closes what is open, and removes what was made. */
  dispose(): Promise<void>;
}

/** What every driver of the `Store` port keeps. A driver joins by calling this with a way to open an empty store. */
export function describeStoreContract(name: string, open: () => Promise<StoreSubject>): void {
  describe(`store: ${name}`, () => {
    let subject: StoreSubject;
    let store: Store;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject.dispose());

    const appendTo = (space: SpaceId, expected: Head, records: readonly StoredRecord[]) =>
      store.write((tx) => tx.logs.append(space, expected, records));

    describe('feeds', () => {
      const entry = (entity: string, revision = '1', body = `body of ${entity} ${revision}`): FeedAddition => ({
        entity,
        revision,
        digest: `digest ${entity} ${revision}`,
        subject: `about ${entity}`,
        origin: 'device',
        time: 1_767_225_600_000,
        body,
      });
      const begin = (feed: string): Promise<unknown> => store.write((tx) => tx.feeds.begin(feed, '7'));
      const append = (feed: string, ...entries: FeedAddition[]): Promise<number> => store.write((tx) => tx.feeds.append(feed, entries));
      const read = (feed: string, after = 0, limit = { entries: 500, bytes: 1e9 }): Promise<FeedEntry[]> =>
        store.read((tx) => tx.feeds.read(feed, after, limit));

      it('begin once, and keep their epoch', async () => {
        expect(await store.read((tx) => tx.feeds.head('f'))).toBeNull();
        expect(await begin('f')).toEqual({ epoch: '7', number: 0 });
        expect(await store.write((tx) => tx.feeds.begin('f', '9'))).toEqual({ epoch: '7', number: 0 });
        await expect(append('g', entry('a'))).rejects.toThrow('not begun');
      });

      it('number without a gap, each its own, and give back what was put, in order, through a restart', async () => {
        await begin('f');
        await begin('g');
        expect(await append('f', entry('a'), entry('b'))).toBe(2);
        expect(await append('g', entry('a'))).toBe(1);
        expect(await append('f', entry('a', '18446744073709551615', 'ü\u0000'))).toBe(3);
        expect(await append('f')).toBe(3);
        const all = await read('f');
        expect(all.map(({ number, entity, revision }) => [number, entity, revision])).toEqual([
          [1, 'a', '1'],
          [2, 'b', '1'],
          [3, 'a', '18446744073709551615'],
        ]);
        expect(all[1]).toEqual({ number: 2, ...entry('b') });
        expect(all[2]?.body).toBe('ü\u0000');
        if (subject.reopen !== undefined) store = await subject.reopen();
        expect(await read('f')).toEqual(all);
        expect(await store.read((tx) => tx.feeds.head('f'))).toEqual({ epoch: '7', number: 3 });
        expect(await store.read((tx) => tx.feeds.list())).toEqual(['f', 'g']);
      });

      it('keep nothing of an append that was rolled back', async () => {
        await begin('f');
        await append('f', entry('a'));
        const failing = store.write(async (tx) => {
          await tx.feeds.append('f', [entry('b')]);
          throw new Error('changed my mind');
        });
        await expect(failing).rejects.toThrow('changed my mind');
        expect((await read('f')).map(({ entity }) => entity)).toEqual(['a']);
        expect(await append('f', entry('c'))).toBe(2);
      });

      it('are read by page, by count and by bytes, one at least', async () => {
        await begin('f');
        await append('f', ...Array.from({ length: 250 }, (_, index) => entry(`e${index}`, '1', 'x'.repeat(100))));
        expect((await read('f', 120, { entries: 101, bytes: 1e9 })).map(({ number }) => number)).toEqual(
          Array.from({ length: 101 }, (_, index) => index + 121),
        );
        expect((await read('f', 0, { entries: 500, bytes: 350 })).map(({ number }) => number)).toEqual([1, 2, 3]);
        expect((await read('f', 0, { entries: 500, bytes: 1 })).map(({ number }) => number)).toEqual([1]);
        expect(await read('f', 250)).toEqual([]);
      });

      it('say what their entries are about, without bodies', async () => {
        await begin('f');
        await append('f', entry('a', '2'), entry('b'), entry('a', '10'));
        const mark = (number: number, entity: string, revision: string) => {
          const { digest, subject, origin } = entry(entity, revision);
          return { number, entity, revision, digest, subject, origin };
        };
        const all = [mark(1, 'a', '2'), mark(2, 'b', '1'), mark(3, 'a', '10')];
        const marks = (after: number, limit: number) => store.read((tx) => tx.feeds.marks('f', after, limit));
        expect(await marks(0, 500)).toEqual(all);
        expect(await marks(0, 2)).toEqual(all.slice(0, 2));
        expect(await marks(1, 500)).toEqual(all.slice(1));
        expect(await store.read((tx) => tx.feeds.marks('none', 0, 500))).toEqual([]);
      });

      it('erase bodies, and keep the numbers', async () => {
        await begin('f');
        await append('f', entry('a'), entry('b'));
        await store.write((tx) => tx.feeds.erase('f', [{ number: 1, body: 'nothing' }]));
        const [first, second] = await read('f');
        expect(first).toEqual({ number: 1, ...entry('a'), subject: '', body: 'nothing' });
        expect(second).toEqual({ number: 2, ...entry('b') });
      });

      it('keep what was said where something else is served in its place, until that is erased', async () => {
        await begin('f');
        const standIns = [
          { ...entry('a'), said: 'by a' },
          { ...entry('b'), said: 'by b' },
        ];
        await append('f', ...standIns, entry('c'));
        expect(await read('f')).toEqual([...standIns, entry('c')].map((each, at) => ({ number: at + 1, ...each })));
        await store.write((tx) => tx.feeds.erase('f', [{ number: 1, body: 'nothing', subject: 'still' }]));
        expect(await read('f', 0, { entries: 2, bytes: 1e9 })).toEqual([
          { number: 1, ...entry('a'), subject: 'still', body: 'nothing' },
          { number: 2, ...standIns[1] },
        ]);
      });

      it('begin new epochs, which only grow', async () => {
        await begin('f');
        await store.write((tx) => tx.feeds.renewEpochs(3));
        expect(await store.read((tx) => tx.feeds.head('f'))).toEqual({ epoch: '8', number: 0 });
        await store.write((tx) => tx.feeds.renewEpochs(100));
        expect((await store.read((tx) => tx.feeds.head('f')))?.epoch).toBe('100');
      });

      it('are removed with all that they served', async () => {
        await begin('f');
        await append('f', entry('a'));
        await store.write((tx) => tx.feeds.remove('f'));
        expect(await store.read((tx) => tx.feeds.head('f'))).toBeNull();
        await begin('f');
        expect(await append('f', entry('a'))).toBe(1);
      });
    });

    describe('transactions', () => {
      it('see their own writes, and keep them', async () => {
        await store.write(async (tx) => {
          await tx.documents.put('c', 'a', { n: 1 });
          expect(await tx.documents.get('c', 'a')).toEqual({ n: 1 });
        });
        expect(await store.read((tx) => tx.documents.get('c', 'a'))).toEqual({ n: 1 });
      });

      it('leave nothing when they throw, and the next one works', async () => {
        const failing = store.write(async (tx) => {
          await tx.documents.put('c', 'a', 1);
          await tx.items.put(SPACE, [state(item('a'), 1)]);
          throw new Error('changed my mind');
        });
        await expect(failing).rejects.toThrow('changed my mind');
        expect(await store.read((tx) => tx.documents.get('c', 'a'))).toBeUndefined();
        await store.write((tx) => tx.items.put(OTHER, [state(item('b'), 1)]));
        await store.write((tx) => tx.items.put(SPACE, [state(item('a'), 2)]));
        expect(await names(SPACE, {})).toEqual(['a']);
        expect(await names(OTHER, {})).toEqual(['b']);
      });

      it('run one after the other', async () => {
        await store.write((tx) => tx.documents.put('c', 'n', 0));
        const increment = () =>
          store.write(async (tx) => {
            const n = (await tx.documents.get<number>('c', 'n')) ?? 0;
            await Promise.resolve();
            await tx.documents.put('c', 'n', n + 1);
          });
        await Promise.all(Array.from({ length: 50 }, increment));
        expect(await store.read((tx) => tx.documents.get('c', 'n'))).toBe(50);
      });

      it('are counted where they write, and by the time that what they wrote can be seen', async () => {
        const { writes } = store;
        if (writes === undefined) return;
        const before = writes();
        await store.read((tx) => tx.documents.get('c', 'n'));
        expect(writes()).toBe(before);
        await store.write((tx) => tx.documents.put('c', 'n', 1));
        expect(writes()).toBeGreaterThan(before);
        const again = writes();
        const put = store.write((tx) => tx.documents.put('c', 'n', 2));
        const seen = await store.read((tx) => tx.documents.get('c', 'n'));
        await put;
        expect([seen, writes() > again]).toEqual([2, true]);
      });

      it('write nothing in a read', async () => {
        await expect(store.read((tx) => tx.documents.put('c', 'a', 1))).rejects.toThrow(/read.?only/);
        await store.write((tx) => tx.documents.put('c', 'b', 1));
        expect((await store.read((tx) => tx.documents.list('c'))).map((each) => each.id)).toEqual(['b']);
      });

      it('refuse one inside another, where it would wait for ever', async () => {
        await expect(store.write(() => store.read((tx) => tx.documents.get('c', 'a')))).rejects.toThrow('inside another');
      });

      it('refuse use after their end', async () => {
        let kept: StoreTransaction | undefined;
        await store.write(async (tx) => {
          kept = tx;
        });
        await expect(kept?.documents.put('c', 'a', 1)).rejects.toThrow('already');
        expect(await store.read((tx) => tx.documents.get('c', 'a'))).toBeUndefined();
      });

      it('last beyond a close', async () => {
        if (subject.reopen === undefined) return;
        await appendTo(SPACE, EMPTY_HEAD, records(0, 3));
        await store.write((tx) => tx.views.put(SPACE, 'home', [view(item('a'), content(3))]));
        store = await subject.reopen();
        expect((await store.read((tx) => tx.logs.head(SPACE)))?.position).toBe(2);
        expect(await store.read((tx) => tx.views.list(SPACE, 'home'))).toEqual([view(item('a'), content(3))]);
      });
    });

    describe('logs', () => {
      it('begin empty', async () => {
        await store.read(async (tx) => {
          expect(await tx.logs.head(SPACE)).toBeNull();
          expect(await tx.logs.spaces()).toEqual([]);
          expect(await tx.logs.read(SPACE, 0, { records: 10, bytes: 100 })).toEqual([]);
          expect(await tx.logs.fallen(SPACE)).toEqual([]);
        });
      });

      it('append behind the expected head only', async () => {
        const [first, second, third] = records(0, 3);
        if (first === undefined || second === undefined || third === undefined) throw new Error('three records');
        expect(await appendTo(SPACE, EMPTY_HEAD, [first, second])).toBe(true);
        expect(await appendTo(SPACE, EMPTY_HEAD, [first])).toBe(false);
        expect(await appendTo(SPACE, headOf(first), [second])).toBe(false);
        expect(await appendTo(SPACE, { ...headOf(second), hash: hex('another') as RecordHash }, [third])).toBe(false);
        expect(await appendTo(SPACE, headOf(second), [third])).toBe(true);
        expect(await store.read((tx) => tx.logs.head(SPACE))).toEqual(headOf(third));
        expect(await readAll(SPACE)).toEqual([first, second, third]);
        expect(await store.read((tx) => tx.logs.head(OTHER))).toBeNull();
        expect(await store.read((tx) => tx.logs.spaces())).toEqual([SPACE]);
      });

      it('know their head in the transaction that moves it', async () => {
        const [first, second, third] = records(0, 3);
        if (first === undefined || second === undefined || third === undefined) throw new Error('three records');
        await store.write(async ({ logs }) => {
          expect(await logs.head(SPACE)).toBeNull();
          expect(await logs.append(SPACE, EMPTY_HEAD, [first, second])).toBe(true);
          expect(await logs.append(SPACE, headOf(first), [third])).toBe(false);
          expect(await logs.head(SPACE)).toEqual(headOf(second));
          expect(await logs.append(SPACE, headOf(second), [third])).toBe(true);
          await logs.fallBack(SPACE, 0);
          expect(await logs.head(SPACE)).toEqual(headOf(first));
          await logs.remove(SPACE);
          expect(await logs.head(SPACE)).toBeNull();
          await logs.fill(SPACE, [second]);
          expect(await logs.head(SPACE)).toEqual(headOf(second));
        });
        expect(await store.read((tx) => tx.logs.head(SPACE))).toEqual(headOf(second));
      });

      it('refuse a gap', async () => {
        await expect(appendTo(SPACE, EMPTY_HEAD, records(1, 1))).rejects.toThrow(RangeError);
        expect(await store.read((tx) => tx.logs.head(SPACE))).toBeNull();
      });

      it('read within limits, one at least', async () => {
        const all = records(0, 10, 100);
        await appendTo(SPACE, EMPTY_HEAD, all);
        const read = (from: number, most: number, bytes: number) => store.read((tx) => tx.logs.read(SPACE, from, { records: most, bytes }));
        expect(await read(2, 3, 10_000)).toEqual(all.slice(2, 5));
        expect(await read(0, 100, 250)).toEqual(all.slice(0, 2));
        expect(await read(0, 100, 200)).toEqual(all.slice(0, 2));
        expect(await read(4, 100, 1)).toEqual(all.slice(4, 5));
        expect(await read(0, 0, 1_000)).toEqual([]);
        expect(await read(10, 5, 1_000)).toEqual([]);
      });

      it('find control records and commits', async () => {
        const all = records(0, 20);
        const another = hex('another signer') as MachineId;
        const twin = { ...record(20), id: idOf(7) };
        const namesake = { ...record(21), id: idOf(7), signer: another };
        await appendTo(SPACE, EMPTY_HEAD, [...all, twin, namesake]);
        const controls = await store.read((tx) => tx.logs.controls(SPACE, 3));
        expect(controls).toEqual([...all, twin, namesake].slice(3).filter((each) => each.type === 'control'));
        const positions = await store.read((tx) => tx.logs.positionsOf(SPACE, [keyOf(3), keyOf(7), keyOf(99), keyOf(3, another)]));
        expect(positions).toEqual(new Map([[keyOf(3), [3]], [keyOf(7), [7, 20]]])); // prettier-ignore
        expect(await store.read((tx) => tx.logs.positionsOf(SPACE, [keyOf(7, another)]))).toEqual(new Map([[keyOf(7, another), [21]]]));
        expect(await store.read((tx) => tx.logs.positionsOf(OTHER, [keyOf(3)]))).toEqual(new Map());
      });

      it('list commits without their bytes, in pages', async () => {
        const all = records(0, 20);
        await appendTo(SPACE, EMPTY_HEAD, all);
        const commits = all.filter(({ type }) => type === 'commit').map(({ position, signer, id }) => ({ position, signer, id }));
        const list = (from: number, limit: number) => store.read((tx) => tx.logs.commits(SPACE, from, limit));
        expect(await list(0, 100)).toEqual(commits);
        expect(commits.length).toBeLessThan(all.length);
        const [first, second, third] = commits;
        expect(await list(first?.position ?? 0, 1)).toEqual([first]);
        expect(await list((first?.position ?? 0) + 1, 2)).toEqual([second, third]);
        expect(await list(20, 5)).toEqual([]);
        expect(await store.read((tx) => tx.logs.commits(OTHER, 0, 5))).toEqual([]);
      });

      it('fall back, keep what fell in order, and drop it when it landed', async () => {
        const all = records(0, 6);
        await appendTo(SPACE, EMPTY_HEAD, all);
        await store.write((tx) => tx.logs.fallBack(SPACE, 3));
        expect(await readAll(SPACE)).toEqual(all.slice(0, 4));
        expect(await store.read((tx) => tx.logs.fallen(SPACE))).toEqual(all.slice(4));
        const anew = records(4, 2, 10, 'anew');
        const [, , , fourth] = all;
        if (fourth === undefined) throw new Error('six records');
        expect(await appendTo(SPACE, headOf(fourth), anew)).toBe(true);
        await store.write((tx) => tx.logs.fallBack(SPACE, 1));
        const fallen = [...all.slice(4), ...all.slice(2, 4), ...anew];
        expect(await store.read((tx) => tx.logs.fallen(SPACE))).toEqual(fallen);
        await store.write((tx) =>
          tx.logs.dropFallen(
            SPACE,
            fallen.slice(0, 3).map((each) => each.hash),
          ),
        );
        expect(await store.read((tx) => tx.logs.fallen(SPACE))).toEqual(fallen.slice(3));
        await store.write((tx) => tx.logs.fallBack(SPACE, 1));
        expect(await store.read((tx) => tx.logs.fallen(SPACE))).toEqual(fallen.slice(3));
      });

      it('are removed whole, one space at a time', async () => {
        await appendTo(SPACE, EMPTY_HEAD, records(0, 5));
        await appendTo(OTHER, EMPTY_HEAD, records(0, 2));
        await store.write((tx) => tx.logs.fallBack(SPACE, 2));
        await store.write((tx) => tx.logs.remove(SPACE));
        expect(await store.read((tx) => tx.logs.spaces())).toEqual([OTHER]);
        expect(await store.read((tx) => tx.logs.fallen(SPACE))).toEqual([]);
        expect(await appendTo(SPACE, EMPTY_HEAD, records(0, 1))).toBe(true);
      });
    });

    describe('items', () => {
      it('are put, replaced and got by the thousand', async () => {
        const many = Array.from({ length: 2_500 }, (_, n) => state(item(`dir/${n}`, n % 2 === 0 ? 'file' : 'json'), n));
        await store.write((tx) => tx.items.put(SPACE, many));
        const got = await store.read((tx) =>
          tx.items.get(
            SPACE,
            many.map((each) => each.item),
          ),
        );
        expect(got.size).toBe(2_500);
        for (const each of many) expect(got.get(itemKey(each.item))).toEqual(each);
        const gone: ItemState = { ...state(item('dir/0'), 9_999), content: null };
        await store.write((tx) => tx.items.put(SPACE, [state(item('dir/0'), 9_998), gone]));
        const again = await store.read((tx) => tx.items.get(SPACE, [item('dir/0'), item('never')]));
        expect(again).toEqual(new Map([[itemKey(gone.item), gone]]));
        expect(await store.read((tx) => tx.items.get(OTHER, [item('dir/0')]))).toEqual(new Map());
      });

      it('are listed by the bytes of kind and name, in pages', async () => {
        const unsorted = ['b', 'a', 'Z', 'ä', 'a/b', 'a.b', 'a b', '\u{1F600}', '\uFF5E', 'é'];
        const sorted = unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        await store.write((tx) => tx.items.put(SPACE, [...unsorted.map((each) => state(item(each), 1)), state(item('zz', 'another'), 1)]));
        expect(await names(SPACE, {})).toEqual(['zz', ...sorted]);
        expect(await names(SPACE, { kind: 'file' })).toEqual(sorted);
        const paged: string[] = [];
        for (let after: Item | undefined; ;) {
          const page = await store.read((tx) => tx.items.list(SPACE, { limit: 3, ...(after === undefined ? {} : { after }) }));
          paged.push(...page.map((each) => each.item.name));
          after = page.at(-1)?.item;
          if (after === undefined) break;
        }
        expect(paged).toEqual(['zz', ...sorted]);
      });

      it('are listed by prefix, without what sorts right behind it', async () => {
        await store.write((tx) => tx.items.put(SPACE, ['a', 'ab', 'b', 'a/', 'a0'].map((each) => state(item(each), 1)))); // prettier-ignore
        expect(await names(SPACE, { prefix: 'a' })).toEqual(['a', 'a/', 'a0', 'ab']);
        expect(await names(SPACE, { prefix: 'a/' })).toEqual(['a/']);
      });

      it('are listed by prefix, whatever it is', async () => {
        const points = fc.constantFrom('a', 'b', '%', '_', '\\', 'é', '\uD7FF', '\uE000', '\uFFFF', '\u{10FFFF}');
        const anyName = fc.array(points, { maxLength: 4 }).map((each) => each.join(''));
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(
              anyName.filter((each) => each !== ''),
              { maxLength: 30 },
            ),
            anyName,
            async (all, prefix) => {
              await store.write(async (tx) => {
                await tx.items.clear(SPACE);
                await tx.items.put(
                  SPACE,
                  all.map((each) => state(item(each), 1)),
                );
              });
              const found = await names(SPACE, { prefix });
              expect(new Set(found)).toEqual(new Set(all.filter((each) => each.startsWith(prefix))));
            },
          ),
          { numRuns: 60 },
        );
      });

      it('that were deleted are listed when asked for, and not counted', async () => {
        await store.write(async (tx) => {
          await tx.items.put(SPACE, [
            state(item('a'), 1, content(10)),
            state(item('b'), 2, content(5)),
            { ...state(item('c'), 3), content: null },
          ]);
          await tx.items.addSiblings(SPACE, [sibling(item('a'), 1)]);
        });
        expect(await names(SPACE, {})).toEqual(['a', 'b']);
        expect(await names(SPACE, { deleted: true })).toEqual(['a', 'b', 'c']);
        expect(await store.read((tx) => tx.items.count(SPACE))).toEqual({ items: 2, bytes: 15, siblings: 1 });
        expect(await store.read((tx) => tx.items.count(SPACE, [item('a').kind]))).toMatchObject({ items: 0, bytes: 0 });
        expect(await store.read((tx) => tx.items.count(SPACE, ['other', 'kinds']))).toMatchObject({ items: 2, bytes: 15 });
        expect(await store.read((tx) => tx.items.count(OTHER))).toEqual({ items: 0, bytes: 0, siblings: 0 });
      });

      it('keep their content to the bit', async () => {
        await fc.assert(
          fc.asyncProperty(contents, async (each) => {
            await store.write((tx) => tx.items.put(SPACE, [state(item('a'), 1, each)]));
            const got = await store.read((tx) => tx.items.get(SPACE, [item('a')]));
            expect(got.get(itemKey(item('a')))?.content).toEqual(each);
          }),
          { numRuns: 50 },
        );
      });

      it('have a history, newest first', async () => {
        const entries = [
          entry('a', 1, 0),
          entry('b', 1, 1),
          entry('a', 4, 0, 'append'),
          entry('a', 4, 1, 'collapsed'),
          entry('b', 7, 0, 'keep'),
        ];
        await store.write((tx) => tx.items.addHistory(SPACE, entries));
        await store.write((tx) => tx.items.addHistory(SPACE, entries)); // a replay repeats itself
        const [a1, b1, a4, a41, b7] = entries;
        const of = (query: { before?: number; limit: number }) => store.read((tx) => tx.items.history(SPACE, item('a'), query));
        expect(await of({ limit: 10 })).toEqual([a41, a4, a1]);
        expect(await of({ limit: 1 })).toEqual([a41]);
        expect(await of({ limit: 10, before: 4 })).toEqual([a1]);
        const all = (query: { before?: number; limit: number }) => store.read((tx) => tx.items.historyByPosition(SPACE, query));
        expect(await all({ limit: 10 })).toEqual([b7, a4, a41, a1, b1]);
        expect(await all({ limit: 2 })).toEqual([b7, a4, a41]);
        expect(await all({ limit: 1, before: 4 })).toEqual([a1, b1]);
        expect(await all({ limit: 5, before: 1 })).toEqual([]);
      });

      it('refuse two history entries at one place', async () => {
        await expect(store.write((tx) => tx.items.addHistory(SPACE, [entry('a', 1, 0), entry('b', 1, 0)]))).rejects.toThrow(RangeError);
      });

      it('are found by a revision or a prefix of it', async () => {
        const entries = Array.from({ length: 300 }, (_, n) => entry(`n${n}`, n, 0));
        await store.write((tx) => tx.items.addHistory(SPACE, entries));
        const wanted = entries[123];
        if (wanted === undefined) throw new Error('300 entries');
        const find = (prefix: string) => store.read((tx) => tx.items.findRevision(SPACE, prefix));
        expect(await find(wanted.revision)).toEqual([wanted]);
        expect(await find(wanted.revision.slice(0, 8))).toEqual([wanted]);
        expect(await find(wanted.revision.slice(0, 13))).toEqual([wanted]);
        expect(await find(wanted.revision.slice(0, 3))).toEqual([]);
        expect(await find(wanted.revision.slice(0, 4))).toContainEqual(wanted);
        expect(await find('not hex at all')).toEqual([]);
        expect(await find(`${wanted.revision}00`)).toEqual([]);
      });

      it('have siblings until they are settled', async () => {
        const [one, two, three] = [sibling(item('b'), 5), sibling(item('a'), 9), { ...sibling(item('a'), 2), content: null }];
        await store.write((tx) => tx.items.addSiblings(SPACE, [one, two, three]));
        await store.write((tx) => tx.items.addSiblings(SPACE, [one]));
        expect(await store.read((tx) => tx.items.siblings(SPACE))).toEqual([three, one, two]);
        expect(await store.read((tx) => tx.items.siblings(SPACE, item('a')))).toEqual([three, two]);
        await store.write((tx) => tx.items.removeSiblings(SPACE, item('a'), [two.sibling, one.sibling]));
        expect(await store.read((tx) => tx.items.siblings(SPACE))).toEqual([three, one]);
      });

      it('are cleared with all that was derived, one space at a time', async () => {
        for (const space of [SPACE, OTHER]) {
          await store.write(async (tx) => {
            await tx.items.put(space, [state(item('a'), 1)]);
            await tx.items.addHistory(space, [entry('a', 1, 0)]);
            await tx.items.addSiblings(space, [sibling(item('a'), 1)]);
          });
        }
        await store.write((tx) => tx.items.clear(SPACE));
        await store.read(async (tx) => {
          expect(await tx.items.count(SPACE)).toEqual({ items: 0, bytes: 0, siblings: 0 });
          expect(await tx.items.historyByPosition(SPACE, { limit: 9 })).toEqual([]);
          expect((await tx.items.count(OTHER)).items).toBe(1);
          expect(await tx.items.historyByPosition(OTHER, { limit: 9 })).toHaveLength(1);
        });
      });
    });

    describe('history of bodies of many pieces', () => {
      historyOfManyPieces(
        () => ({ ...subject, store }),
        async () => {
          if (subject.reopen !== undefined) store = await subject.reopen();
        },
      );
    });

    describe('drafts', () => {
      it('keep the order in which they were made', async () => {
        const put = (...drafts: [number, string][]) =>
          store.write((tx) =>
            tx.drafts.put(
              SPACE,
              drafts.map(([n, text]) => ({ id: idOf(n), bytes: Buffer.from(text) })),
            ),
          );
        const list = async () => (await store.read((tx) => tx.drafts.list(SPACE))).map((each) => Buffer.from(each.bytes).toString());
        await put([5, 'five'], [1, 'one']);
        await put([3, 'three'], [5, 'FIVE'], [9, 'nine']);
        expect(await list()).toEqual(['FIVE', 'one', 'three', 'nine']);
        await store.write((tx) => tx.drafts.remove(SPACE, [idOf(1), idOf(9), idOf(77)]));
        await put([9, 'nine again']);
        expect(await list()).toEqual(['FIVE', 'three', 'nine again']);
        expect(await store.read((tx) => tx.drafts.list(OTHER))).toEqual([]);
      });
    });

    describe('views', () => {
      it('are kept per writer, with every field', async () => {
        const mine: View[] = [
          view(item('a'), content(1)),
          { item: item('b'), shown: null, intended: { content: content(2) }, notHere: null, local: '{"mtime":1}' },
          { item: item('c', 'json'), shown: content(3), intended: { content: null }, notHere: 'too large here', local: null },
        ];
        await store.write((tx) => tx.views.put(SPACE, 'home', mine));
        await store.write((tx) => tx.views.put(SPACE, 'mcp', [view(item('a'), content(9))]));
        expect(new Set(await store.read((tx) => tx.views.list(SPACE, 'home')))).toEqual(new Set(mine));
        const got = await store.read((tx) => tx.views.get(SPACE, 'home', [item('a'), item('c', 'json'), item('c')]));
        expect([...got.keys()].toSorted()).toEqual([itemKey(item('a')), itemKey(item('c', 'json'))]);
        expect(await store.read((tx) => tx.views.writers(SPACE))).toEqual(['home', 'mcp']);
        const nested = ['d', 'd/e', 'd/e/f', 'd0', 'd.md', 'dd/e'].map((name) => view(item(name), null));
        await store.write((tx) => tx.views.put(SPACE, 'home', [...nested, view(item('d/j', 'json'), null)]));
        for (const names of [
          ['d', 'x'],
          ['d', ...Array.from({ length: 100 }, (_, index) => `x${index}`)],
        ]) {
          const under = await store.read((tx) => tx.views.list(SPACE, 'home', names));
          expect(under.map((each) => each.item.name).toSorted()).toEqual(['d', 'd/e', 'd/e/f', 'd/j']);
        }
        expect(await store.read((tx) => tx.views.list(SPACE, 'home', []))).toEqual([]);
        await store.write((tx) => tx.views.remove(SPACE, 'home', [...nested.map((each) => each.item), item('d/j', 'json')]));
        await store.write((tx) => tx.views.put(SPACE, 'home', [view(item('c', 'json'), null)]));
        await store.write((tx) => tx.views.remove(SPACE, 'home', [item('a'), item('b')]));
        expect(await store.read((tx) => tx.views.list(SPACE, 'home'))).toEqual([view(item('c', 'json'), null)]);
        await store.write((tx) => tx.views.clear(SPACE, 'home'));
        expect(await store.read((tx) => tx.views.writers(SPACE))).toEqual(['mcp']);
      });

      it('refuse a note of more than 1 KiB', async () => {
        const wide = { ...view(item('a'), null), local: 'é'.repeat(513) };
        await expect(store.write((tx) => tx.views.put(SPACE, 'home', [wide]))).rejects.toThrow(RangeError);
      });
    });

    describe('documents', () => {
      it('are JSON by collection and id, ordered by id', async () => {
        await store.write(async (tx) => {
          for (const id of ['b', 'a', 'Z', 'é']) await tx.documents.put('things', id, { id, nested: [1, null, 'x'] });
          await tx.documents.put('others', 'a', 1);
          await tx.documents.put('things', 'b', 'replaced');
          await tx.documents.remove('things', 'Z');
        });
        const list = await store.read((tx) => tx.documents.list('things'));
        expect(list.map((each) => each.id)).toEqual(['a', 'b', 'é']);
        expect(list[0]?.value).toEqual({ id: 'a', nested: [1, null, 'x'] });
        expect(list[1]?.value).toBe('replaced');
        expect(await store.read((tx) => tx.documents.list('none'))).toEqual([]);
        expect(await store.read((tx) => tx.documents.collections())).toEqual(['others', 'things']);
      });

      it('are cleared by collection', async () => {
        await store.write(async (tx) => {
          for (const id of ['a', 'b']) for (const collection of ['things', 'others']) await tx.documents.put(collection, id, 1);
        });
        await store.write((tx) => tx.documents.clear('things'));
        await store.write((tx) => tx.documents.clear('none'));
        expect(await store.read((tx) => tx.documents.list('things'))).toEqual([]);
        expect((await store.read((tx) => tx.documents.list('others'))).map((each) => each.id)).toEqual(['a', 'b']);
      });

      it('refuse what is not JSON', async () => {
        await expect(store.write((tx) => tx.documents.put('things', 'a', undefined))).rejects.toThrow(TypeError);
      });
    });

    async function names(space: SpaceId, query: { kind?: string; prefix?: string; deleted?: boolean }): Promise<string[]> {
      const list = await store.read((tx) => tx.items.list(space, { ...query, limit: 1_000 }));
      return list.map((each) => each.item.name);
    }

    function readAll(space: SpaceId): Promise<StoredRecord[]> {
      return store.read((tx) => tx.logs.read(space, 0, { records: 1_000, bytes: 1e9 }));
    }
  });
}

const hex = (text: string): string => sha256Hex(text);
const SPACE = hex('space') as SpaceId;
const OTHER = hex('other') as SpaceId;
const SIGNER = hex('signer') as MachineId;
const keyOf = (n: number, signer = SIGNER) => commitKey(signer, idOf(n));
const idOf = (n: number): CommitId => hex(`commit ${n}`).slice(0, 32) as CommitId;
const item = (name: string, kind = 'file'): Item => ({ kind, name });

/** Every fifth one is a control record. */
export function record(position: number, size = 10, salt = ''): StoredRecord {
  const bytes = Buffer.alloc(size, position);
  return {
    position,
    hash: hex(`record ${position} ${salt}`) as RecordHash,
    id: idOf(position),
    signer: SIGNER,
    term: 2,
    type: position % 5 === 0 ? 'control' : 'commit',
    bytes,
  };
}

function records(from: number, count: number, size = 10, salt = ''): StoredRecord[] {
  return Array.from({ length: count }, (_, n) => record(from + n, size, salt));
}

function headOf({ term, position, hash }: StoredRecord): Head {
  return { term, position, hash };
}

function content(size: number): Content {
  const piece = { object: hex(`object ${size}`) as ObjectId, keyId: 1, offset: 7, length: size };
  return { digest: hex(`content ${size}`) as ContentDigest, size, attributes: { mode: 0o755 }, pieces: size === 0 ? [] : [piece] };
}

function state(of: Item, position: number, holds: Content = content(position)): ItemState {
  return { item: of, revision: hex(`${itemKey(of)} ${position}`) as Revision, position, content: holds };
}

function entry(name: string, position: number, index: number, type: HistoryEntry['type'] = 'put'): HistoryEntry {
  const base = position === 1 ? null : (hex(`base ${name}`) as Revision);
  return {
    item: item(name),
    revision: hex(`${name} ${position} ${index}`) as Revision,
    base,
    type,
    position,
    index,
    content: content(position),
  };
}

function sibling(of: Item, position: number): Sibling {
  return { item: of, sibling: hex(`sibling ${itemKey(of)} ${position}`) as Revision, base: null, position, content: content(position) };
}

function view(of: Item, shown: Content | null): View {
  return { item: of, shown, intended: null, notHere: null, local: null };
}

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const count = fc.oneof(fc.nat(), fc.maxSafeNat());
const contents: fc.Arbitrary<Content> = fc.record({
  digest: hash.map((each) => each as ContentDigest),
  size: count,
  attributes: fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.oneof(fc.boolean(), fc.maxSafeInteger(), fc.string({ unit: 'grapheme' })),
    { noNullPrototype: true },
  ),
  pieces: fc.array(fc.record({ object: hash.map((each) => each as ObjectId), keyId: count, offset: count, length: count }), {
    maxLength: 5,
  }),
});
