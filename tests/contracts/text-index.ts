import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MachineId, SpaceId } from '../../src/core/ids.ts';
import { foundDigits } from '../../src/core/found-id.ts';
import { itemKey } from '../../src/core/item.ts';
import type { HeldItem, IndexChange, Passage, PassageFilter, TextIndex } from '../../src/core/ports/text-index.ts';

const SPACE = 'a'.repeat(64) as SpaceId;
const OTHER = 'b'.repeat(64) as SpaceId;
const [ANA, BEA] = ['1'.repeat(64), '2'.repeat(64)] as [MachineId, MachineId];

export interface IndexPlace {
  open(): Promise<TextIndex>;
  remove(): Promise<void>;
}

export const passage = (text: string, more: Partial<Passage> = {}): Passage => ({
  shelf: 'memories',
  type: 'bugfix',
  project: 'app',
  session: null,
  time: 1_000,
  title: '',
  start: 0,
  length: text.length,
  text,
  tags: '',
  ...more,
});

export const held = (name: string, more: Partial<HeldItem> = {}): HeldItem => ({
  item: { kind: 'text', name },
  digest: `digest of ${name}`,
  bytes: 0,
  prefix: '',
  passages: 0,
  machine: ANA,
  changed: 5_000,
  isUnsettled: false,
  ...more,
});

export const put = (name: string, passages: readonly Passage[], more: Partial<HeldItem> = {}, keep = 0): IndexChange => ({
  type: 'put',
  held: held(name, more),
  keep,
  passages,
});

/** What every index does. `runs`: of what is tried at random. */
export function describeTextIndex(name: string, createPlace: () => Promise<IndexPlace>, runs = 100): void {
  describe(`${name}: a text index`, () => {
    let place: IndexPlace;
    let index: TextIndex;
    beforeEach(async () => {
      place = await createPlace();
      index = await place.open();
    });
    afterEach(async () => {
      await index.close();
      await place.remove();
    });

    const names = async (query: string, filter: PassageFilter = {}, match: 'all' | 'some' = 'all'): Promise<string[]> => {
      const terms = [...query.matchAll(/"([^"]*)"|\S+/g)].map(([whole, phrase]) => ({
        text: phrase ?? whole,
        isPhrase: phrase !== undefined,
      }));
      return (await index.search(terms, { match, filter, limit: 100 })).hits.map(({ item }) => item.name);
    };

    it('holds nothing at first', async () => {
      expect(await index.mark(SPACE)).toBeNull();
      expect(await index.spaces()).toEqual([]);
      expect(await index.held(SPACE)).toEqual(new Map());
      expect(await names('x')).toEqual([]);
      expect(await index.search([], { match: 'all', filter: {}, limit: 1 })).toEqual({ hits: [], total: 0 });
      await index.removeSpace(SPACE);
      await index.write(SPACE, [{ type: 'remove', item: held('never there').item }]);
    });

    it('finds words whatever their case and accents, their beginnings, and characters of scripts without spaces', async () => {
      await index.write(SPACE, [
        put('a', [passage('The Upload retried: Überraschung, mémoire, e\u0301te\u0301')]),
        put('b', [passage('記憶を検索する。기억을 찾다')]),
      ]);
      for (const query of ['upload', 'UPLOAD retr', 'uberraschung', 'Mémoire', 'été', 'ete', '"the upload"'])
        expect([query, await names(query)]).toEqual([query, ['a']]);
      for (const query of ['記憶', '検索', '憶を検', '기억', 'する']) expect([query, await names(query)]).toEqual([query, ['b']]);
      for (const query of ['pload', 'upload nothing', '"upload the"', '検憶', 're'])
        expect([query, await names(query)]).toEqual([query, []]);
      expect((await names('upload 検索', {}, 'some')).toSorted()).toEqual(['a', 'b']);
    });

    it('knows its words by any part of them', async () => {
      await index.write(SPACE, [put('a', [passage('loadCartItems recalling CALLED Écallé all')])]);
      expect(await index.wordsWith('call', 9)).toEqual(['ecalle', 'recalling']);
      expect(await index.wordsWith('CARTITEMS', 9)).toEqual(['loadcartitems']);
      expect(await index.wordsWith('call', 1)).toEqual(['ecalle']);
      expect(await index.wordsWith('%', 9)).toEqual([]);
      expect(
        (await index.search([{ text: 'none', isPhrase: false, alike: ['recalling'] }], { match: 'all', filter: {}, limit: 1 })).total,
      ).toBe(1);
    });

    it('puts first what says it in its title, then in its tags, and whole words before beginnings', async () => {
      const filler = 'and so on and on, as one says';
      await index.write(SPACE, [
        put('text', [passage(`retry ${filler}`)]),
        put('tags', [passage(filler, { tags: 'retry' })]),
        put('title', [passage(filler, { title: 'retry' })]),
        put('beginning', [passage(`retrying ${filler}`)]),
        ...Array.from({ length: 20 }, (_, i) => put(`other ${i}`, [passage(filler)])),
      ]);
      expect(await names('retry')).toEqual(['title', 'tags', 'text', 'beginning']);
    });

    it('finds no old text once an item was replaced or removed', async () => {
      await index.write(SPACE, [put('a', [passage('first version')]), put('b', [passage('first neighbour')])]);
      await index.write(SPACE, [put('a', [passage('second version')], { digest: 'new' })]);
      expect(await names('first')).toEqual(['b']);
      expect(await names('second')).toEqual(['a']);
      await index.write(SPACE, [{ type: 'remove', item: held('a').item }]);
      expect(await names('version')).toEqual([]);
      expect([...(await index.held(SPACE)).values()].map(({ item }) => item.name)).toEqual(['b']);
    });

    it('goes on behind the passages that are kept', async () => {
      await index.write(SPACE, [put('a', [passage('one'), passage('two')], { bytes: 7, prefix: 'p', isUnsettled: true, digest: null })]);
      expect(await index.unsettled(SPACE)).toEqual([held('a', { bytes: 7, prefix: 'p', isUnsettled: true, digest: null, passages: 2 })]);
      await index.write(SPACE, [put('a', [passage('three')], { digest: 'whole' }, 2)]);
      expect(await index.unsettled(SPACE)).toEqual([]);
      expect((await index.heldOf(SPACE, [held('a').item, held('b').item])).size).toBe(1);
      const all = await index.passages(SPACE, held('a').item, 2, 9);
      expect(all.map(({ number, length }) => [number, length])).toEqual([
        [2, 3],
        [3, 5],
      ]);
      await index.write(SPACE, [put('a', [], { machine: BEA }, 3)]);
      expect(await names('one')).toEqual(['a']);
      expect((await index.held(SPACE)).get(itemKey(held('a').item))).toMatchObject({ passages: 3, machine: BEA });
      await index.write(SPACE, [put('a', [passage('other')], {}, 1)]);
      expect([await names('two'), await names('three'), await names('one'), await names('other')]).toEqual([[], [], ['a'], ['a']]);
    });

    it('groups what was said in a session and by its subagents; the best stands for it, and all else for itself', async () => {
      const said = (text: string, more: Partial<Passage> = {}): Passage =>
        passage(text, { shelf: 'sessions', type: 'user', session: 's1', ...more });
      await index.write(SPACE, [
        put('main', [said('retry'), said('retry retry, and much else besides, as it goes')]),
        put('agent', [said('nothing'), said('retry as well')]),
      ]);
      const { hits, total } = await index.search([{ text: 'retry', isPhrase: false }], { match: 'all', filter: {}, limit: 9 });
      expect(total).toBe(1);
      expect(hits).toMatchObject([{ item: { name: 'main' }, number: 1, passages: 3, session: 's1' }]);
      await index.write(SPACE, [put('list', [passage('lemur one'), passage('lemur two')])]);
      expect((await index.search([{ text: 'lemur', isPhrase: false }], { match: 'all', filter: {}, limit: 9 })).total).toBe(2);
    });

    it('filters by space, kind, type, project, machine and time; a prompt has its session’s project', async () => {
      await index.write(SPACE, [
        put('a', [passage('x', { time: 10 })]),
        put('b', [passage('x', { type: 'prompt', project: null, session: 's', time: 20 })], { machine: BEA }),
        put('of b', [passage('', { type: 'session', project: 'web', session: 's', time: 1 })]),
        put('c', [passage('x', { shelf: 'files', type: 'plans', time: null })], { changed: 30 }),
      ]);
      await index.write(OTHER, [put('d', [passage('x', { time: 40 })])]);
      const found = async (filter: PassageFilter): Promise<string[]> => (await names('x', filter)).toSorted();
      expect(await found({})).toEqual(['a', 'b', 'c', 'd']);
      expect(await found({ spaces: [SPACE] })).toEqual(['a', 'b', 'c']);
      expect(await found({ shelves: ['files', 'sessions'] })).toEqual(['c']);
      expect(await found({ types: ['prompt', 'plans'] })).toEqual(['b', 'c']);
      expect(await found({ projects: ['web'] })).toEqual(['b']);
      expect(await found({ projects: [] })).toEqual([]);
      expect(await found({ machines: [BEA] })).toEqual(['b']);
      expect(await found({ since: 20, until: 40 })).toEqual(['b', 'c']);
      expect(await names('')).toEqual(['d', 'c', 'b', 'a']); // the newest first, and nothing that only says what others belong to
      expect(await index.values('project')).toEqual(
        new Map([
          ['app', 3],
          ['web', 1],
        ]),
      );
      expect([...(await index.values('type')).keys()].toSorted()).toEqual(['bugfix', 'plans', 'prompt']);
    });

    it('shows what was before and after', async () => {
      await index.write(
        SPACE,
        Array.from({ length: 9 }, (_, i) => put(`at ${i}`, [passage('x', { time: i * 10, project: i === 4 ? 'web' : 'app' })])),
      );
      const [middle] = await index.passages(SPACE, held('at 5').item, 1, 1);
      if (middle === undefined) throw new Error('it is not there');
      const near = await index.around(middle, { projects: ['app'] }, { before: 2, after: 1 });
      expect(near.map(({ item }) => item.name)).toEqual(['at 2', 'at 3', 'at 5', 'at 6']);
      expect((await index.around(middle, {}, { before: 99, after: 99 })).length).toBe(9);
      // In another space there is one of the same name and time.
      await index.write(OTHER, [put('at 5', [passage('x', { time: 50 })])]);
      const [same] = await index.passages(OTHER, held('at 5').item, 1, 1);
      if (same === undefined) throw new Error('it is not there');
      const both = await Promise.all([middle, same].map((each) => index.around(each, {}, { before: 1, after: 1 })));
      expect(both.map((all) => all.map(({ item, space }) => `${item.name} ${space[0]}`))).toEqual([
        ['at 4 a', 'at 5 a', 'at 5 b'],
        ['at 5 a', 'at 5 b', 'at 6 a'],
      ]);
    });

    it('knows items by the beginning of what they are called', async () => {
      const names20 = Array.from({ length: 20 }, (_, i) => `item ${i}`);
      await index.write(
        SPACE,
        names20.map((name) => put(name, [])),
      );
      for (const name of names20) {
        const digits = foundDigits(held(name).item);
        expect(await index.called(SPACE, digits.slice(0, 10))).toEqual([held(name).item]);
        expect(await index.called(OTHER, digits.slice(0, 10))).toEqual([]);
      }
      const first = foundDigits(held('item 0').item).slice(0, 1);
      expect((await index.called(SPACE, first)).length).toBe(
        names20.filter((name) => foundDigits(held(name).item).startsWith(first)).length,
      );
    });

    it('forgets a space, and nothing else', async () => {
      await index.write(SPACE, [put('a', [passage('x')])], 'mark');
      await index.write(OTHER, [put('b', [passage('x')])], 'other');
      await index.removeSpace(SPACE);
      expect([await index.mark(SPACE), await index.mark(OTHER), await index.spaces(), await names('x')]).toEqual([
        null,
        'other',
        [OTHER],
        ['b'],
      ]);
    });

    it('keeps what was written when it is opened again', async () => {
      await index.write(SPACE, [put('a', [passage('kept')])], 'so far');
      await index.close();
      index = await place.open();
      expect([await index.mark(SPACE), await names('kept')]).toEqual(['so far', ['a']]);
    });

    it('answers as one that was made at once, after any changes', async () => {
      const words = fc.array(fc.constantFrom('ab', 'cd', 'ef', '記', 'gh'), { maxLength: 4 }).map((all) => all.join(' '));
      const change = fc.record({
        name: fc.constantFrom('p', 'q', 'r'),
        texts: fc.option(fc.array(words, { maxLength: 3 })),
        keep: fc.nat(2),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
          await index.removeSpace(SPACE);
          const model = new Map<string, string[]>();
          for (const { name, texts, keep } of changes) {
            const kept = (model.get(name) ?? []).slice(0, keep);
            if (texts === null) model.delete(name);
            else model.set(name, [...kept, ...texts]);
            const fresh = texts?.map((text) => passage(text)) ?? [];
            await index.write(SPACE, [texts === null ? { type: 'remove', item: held(name).item } : put(name, fresh, {}, kept.length)]);
          }
          for (const word of ['ab', 'cd', 'ef', '記', 'gh']) {
            const expected = [...model].flatMap(([name, texts]) => texts.filter((text) => text.split(' ').includes(word)).map(() => name));
            expect((await names(word)).toSorted()).toEqual(expected.toSorted());
          }
        }),
        { numRuns: runs },
      );
    });
  });
}
