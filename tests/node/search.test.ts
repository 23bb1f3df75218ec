import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SpaceId } from '../../src/core/ids.ts';
import type { HeldItem } from '../../src/core/ports/text-index.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import type { IndexState } from '../../src/node/recall/index-state.ts';
import type { OperationInput, OperationOutput } from '../../src/node/operations/table.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';
import { extent } from '../setup/extent.ts';

let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

function database(machine: string): MemDatabase {
  const root = path.join(place.home(machine), '.claude-mem');
  mkdirSync(root, { recursive: true });
  const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return db;
}

const search = (node: SatchelNode, query: string, more: OperationInput<'search'> = {}) => ask(node, 'search', { query, ...more });
const titles = ({ hits }: OperationOutput<'search'>): (string | null)[] => hits.map(({ title }) => title);
const indexOf = (machine: string): string => path.join(place.home(machine), '.satchel/index.db');

/** Two machines of one person, neither of which runs by itself. */
async function twoMachines(): Promise<[SatchelNode, SatchelNode]> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
  return [a, b];
}

const sessionLine = (type: 'user' | 'assistant', text: string, minute = 0, cwd = '/work/app'): string =>
  `${JSON.stringify({ type, cwd, timestamp: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), message: { role: type, content: text } })}\n`;

describe('search', () => {
  it('finds memories, sessions and files of both machines, and says where they are from', async () => {
    const [a, b] = await twoMachines();
    const [dbA, dbB] = [database('a'), database('b')];
    dbA.session('s');
    dbA.observation('s', 'Upload never ended', { narrative: 'The walrus retried for ever', type: 'bugfix' });
    dbB.session('t', { project: 'web' });
    dbB.prompt('t', 1, 'why is the walrus slow?');
    const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
    await place.write('a', sessionLine('user', 'hello') + sessionLine('assistant', 'A Walrus it is', 1), `projects/-work-app/${id}.jsonl`);
    await place.write('b', 'Feed the walrus.\n', 'CLAUDE.md');
    for (const node of [a, b, a]) await ask(node, 'sync', {});

    for (const node of [a, b]) {
      const { hits, total, match, unsearched } = await search(node, 'walrus');
      expect({ total, match, unsearched }).toEqual({ total: 4, match: 'all', unsearched: 0 });
      const found = hits.map(
        ({ kind, type, machine, project }) => `${kind} ${type} ${machine === 'bee' ? 'bee' : 'a'} ${project?.split('-')[0]}`,
      );
      expect(found.toSorted()).toEqual(
        ['files instructions bee undefined', 'memories bugfix a app', 'memories prompt bee web', 'sessions assistant a work'].map((line) =>
          line.replace('a work', 'a app'),
        ),
      );
      const memory = hits.find(({ type }) => type === 'bugfix');
      expect(memory).toMatchObject({ title: 'Upload never ended', snippet: expect.stringContaining('The walrus retried') as string });
      const [from = 0, to = 0] = memory?.marks[0] ?? [];
      expect(memory?.snippet?.slice(from, to)).toBe('walrus');
      const shown = await ask(node, 'show', { item: hits.find(({ kind }) => kind === 'sessions')?.id ?? '' });
      expect(shown).toMatchObject({ body: 'A Walrus it is', passage: 2 });
      expect(JSON.parse((await ask(node, 'show', { item: memory?.id ?? '' })).body)).toMatchObject({ title: 'Upload never ended' });
      expect(hits.find(({ kind }) => kind === 'sessions')?.title).toBe('hello');
    }
  });

  it('filters, and hints at what there is instead', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    const db = database('a');
    db.session('s');
    db.session('t', { project: 'group/web' });
    db.observation('s', 'one', { type: 'bugfix', created_at_epoch: 1_000 });
    db.observation('t', 'two', { type: 'decision', created_at_epoch: 2_000, project: 'group/web' });
    db.prompt('t', 1, 'one and two', { created_at_epoch: 3_000 });
    await place.write('a', 'one\n');
    await ask(a, 'sync', {});
    const count = async (more: OperationInput<'search'>): Promise<number> => (await search(a, 'one', more)).total;
    expect(await count({})).toBe(3);
    expect(await count({ kind: 'memories' })).toBe(2);
    expect(await count({ type: 'BUGFIX' })).toBe(1);
    expect(await count({ project: 'web' })).toBe(1);
    expect(await count({ project: '/home/ana/work/App' })).toBe(1);
    expect(await count({ since: 1_000, until: 3_000 })).toBe(1);
    expect(titles(await search(a, '', { kind: 'memories' }))).toEqual([null, 'two', 'one']);
    expect(await search(a, 'one', { project: 'nope', type: 'nope' })).toMatchObject({
      total: 0,
      hints: [
        'There is no type nope. There is: bugfix, decision, instructions, prompt',
        'There is no project nope. There is: group/web, app',
      ],
    });
    await expect(search(a, 'one', { machine: 'nope' })).rejects.toMatchObject({ kind: 'usage', type: 'no-machine' });
    expect(await search(a, 'one walrus')).toMatchObject({ total: 3, match: 'some' });
  });

  it('finds a part of a word where nothing has it as a word, or at its beginning', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await place.write('a', 'See loadCartItems for the timeouts.\n');
    await place.write('a', 'items\n', 'rules/other.md');
    await ask(a, 'sync', {});
    const { hits } = await search(a, 'cartitems');
    expect(hits.map(({ item, snippet, marks }) => [item, marks.map(([from, to]) => snippet?.slice(from, to))])).toEqual([
      ['CLAUDE.md', ['loadCartItems']],
    ]);
    expect((await search(a, 'cartitems meouts')).total).toBe(1);
    expect((await search(a, 'items')).total).toBe(2); // as a word of a name
    expect((await search(a, 'tem')).total).toBe(2);
    expect((await search(a, 'xyz')).total).toBe(0);
  });

  it('takes any text for words, or says that there is none', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await place.write('a', 'select * from x where "y" NEAR z\n');
    await ask(a, 'sync', {});
    for (const query of ['"select * from"', 'NEAR(z', 'x* AND', 'where "y', 'y\0z', "'; drop table words; --z"])
      expect([query, (await search(a, query)).total]).toEqual([query, 1]);
    for (const query of ['"', '*', '\0', '-- ->', Array.from({ length: 100 }, (_, i) => `w${i}`).join(' '), 'x'.repeat(100_000)])
      await expect(search(a, query)).rejects.toMatchObject({ kind: 'usage' });
    expect((await search(a, 'x'.repeat(8_000))).total).toBe(0);
  });

  it('has what another machine wrote as soon as it was applied, and not what was deleted, changed or undone', async () => {
    const [a, b] = await twoMachines();
    const db = database('a');
    db.session('s');
    db.observation('s', 'walrus');
    await ask(a, 'sync', {});
    expect((await search(b, 'walrus')).total).toBe(0);
    await ask(b, 'sync', {});
    expect((await search(b, 'walrus')).total).toBe(1);
    db.run("UPDATE observations SET narrative = 'a lemur'");
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect([(await search(b, 'about')).total, (await search(b, 'lemur')).total]).toEqual([0, 1]);
    db.run('DELETE FROM observations');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect([(await search(a, 'walrus')).total, (await search(b, 'walrus')).total]).toEqual([0, 0]);
  });

  it('shows what was near a memory in its project, and near what was said in its session', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    const db = database('a');
    db.session('s');
    for (let i = 0; i < 7; i++) db.observation('s', `step ${i}`, { created_at_epoch: i * 1_000, project: i === 3 ? 'web' : 'app' });
    const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
    await place.write(
      'a',
      Array.from({ length: 9 }, (_, i) => sessionLine('user', `said ${i}`, i)).join(''),
      `projects/-work-app/${id}.jsonl`,
    );
    await ask(a, 'sync', {});
    const [hit] = (await search(a, '"step 4"')).hits;
    const around = await ask(a, 'search-around', { id: hit?.id ?? '', limit: 4 });
    expect([around.hits.map(({ title }) => title), around.at, around.project]).toEqual([
      ['step 1', 'step 2', 'step 4', 'step 5', 'step 6'],
      2,
      'app',
    ]);
    const [said] = (await search(a, '"said 5"')).hits;
    const near = await ask(a, 'search-around', { id: said?.id ?? '', limit: 2 });
    expect([near.hits.map(({ snippet }) => snippet), near.at]).toEqual([['said 4', 'said 5', 'said 6'], 1]);
    await expect(ask(a, 'search-around', { id: 'kkkkkkkkkk' })).rejects.toMatchObject({ kind: 'usage', type: 'no-such-id' });
    await expect(ask(a, 'search-around', { id: `${said?.id.split(':')[0]}:99` })).rejects.toMatchObject({ kind: 'usage' });
  });

  it('reads of a session that grew its new end, and all of one that was cut or rewritten', async () => {
    const a = await place.start('a', { live: false });
    const { replica } = await a.ensurePersonalSpace();
    const name = 'projects/-work-app/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl';
    const lines = Array.from({ length: 50 }, (_, i) => sessionLine('user', `word${i} ${'x'.repeat(40_000)}`, i));
    await place.write('a', lines.slice(0, 30).join(''), name);
    await ask(a, 'sync', {});
    expect((await search(a, 'word29')).total).toBe(1);
    await place.write('a', lines.join(''), name);
    await ask(a, 'sync', {});
    expect((await search(a, 'word49')).hits[0]?.id).toMatch(/:50$/);
    expect((await search(a, 'word7')).hits[0]?.id).toMatch(/:8$/);
    expect(await replica.list({ kind: 'transcript' })).toHaveLength(1);
    await ask(a, 'reindex', {});
    expect((await search(a, 'word49')).hits[0]?.id).toMatch(/:50$/);
  });
});

describe('search on a hub that is a member of nothing', () => {
  it('says that it can read nothing of what it keeps, and where to search', async () => {
    const hub = await place.start('hub', { hub: true, live: false });
    expect(await search(hub, 'walrus')).toMatchObject({
      total: 0,
      hints: ['This hub is a member of no space, and can read nothing of what it keeps for others: search on a machine of theirs'],
    });
    const said: string[] = [];
    expect(await ask(hub, 'reindex', {}, (line) => said.push(line))).toMatchObject({ items: 0 });
    expect(said).toEqual([expect.stringContaining('This hub is a member of no space')]);
    expect(await search(await place.start('a', { live: false }), 'walrus')).toMatchObject({ total: 0, hints: [] });
  });
});

describe('the index', () => {
  async function filled(): Promise<SatchelNode> {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    const db = database('a');
    db.session('s');
    for (let i = 0; i < 20; i++) db.observation('s', `walrus ${i}`);
    await ask(a, 'sync', {});
    return a;
  }

  it('is made by the first search, for this user alone, and again where it was deleted', async () => {
    const a = await filled();
    expect(existsSync(indexOf('a'))).toBe(false);
    expect((await search(a, 'walrus')).total).toBe(20);
    expect(statSync(indexOf('a')).mode & 0o777).toBe(0o600);
    rmSync(indexOf('a'));
    expect((await search(a, 'walrus')).total).toBe(20);
  });

  it('heals where it is damaged, and says so', async () => {
    const a = await filled();
    await search(a, 'walrus');
    const { size } = statSync(indexOf('a'));
    const damages: (() => void)[] = [
      () => writeFileSync(indexOf('a'), 'not a database at all, but text'.repeat(200)),
      () => truncateSync(indexOf('a'), Math.floor(size / 2)),
      () => writeFileSync(indexOf('a'), readFileSync(indexOf('a')).fill(0x5a, 5_000, size - 5_000)),
    ];
    for (const damage of damages) {
      damage();
      const said: string[] = [];
      const operation = (await import('../../src/node/operations/search.ts')).searchOperation;
      const context = { progress: () => undefined, say: (line: string) => void said.push(line), signal: new AbortController().signal };
      expect((await operation.run(a, { query: 'walrus', limit: 50 }, context)).total).toBe(20);
      expect(said).toEqual([expect.stringContaining('made anew')]);
    }
  });

  it('goes on where it was interrupted', async () => {
    const a = await filled();
    const gone = new AbortController();
    const operation = (await import('../../src/node/operations/search.ts')).searchOperation;
    const context = { progress: (done: number) => void (done > 0 && gone.abort()), say: () => undefined, signal: gone.signal };
    await expect(operation.run(a, { query: 'walrus', limit: 50 }, context)).rejects.toMatchObject({ type: 'stopped' });
    expect((await search(a, 'walrus')).total).toBe(20);
  });

  it('is compared with everything where the log is another one, or its beginning came only now', async () => {
    const a = await filled();
    await search(a, 'walrus');
    const space = a.spaces.keys().next().value as SpaceId;
    const tamper = (change: (state: IndexState) => Partial<IndexState>): Promise<void> =>
      a.recall.use(
        async (index) => {
          const state = JSON.parse((await index.mark(space)) ?? '') as IndexState;
          const changes = [...(await index.held(space)).values()].map((held) => {
            const known = { ...held, machine: null };
            return { type: 'put' as const, held: known, keep: held.passages, passages: [] };
          });
          const ghost = {
            item: { kind: 'text', name: 'ghost' },
            digest: 'x',
            bytes: 0,
            prefix: '',
            machine: null,
            changed: null,
            isUnsettled: false,
          };
          await index.write(
            space,
            [...changes, { type: 'put', held: ghost, keep: 0, passages: [] }],
            JSON.stringify({ ...state, ...change(state) }),
          );
        },
        () => undefined,
      );
    const held = (): Promise<HeldItem[]> =>
      a.recall.use(
        async (index) => [...(await index.held(space)).values()],
        () => undefined,
      );
    for (const change of [() => ({ hash: 'x' }), () => ({ position: 1_000 }), () => ({ isWhole: false })]) {
      await tamper(change);
      const { hits, total } = await search(a, 'walrus');
      expect([total, hits.every(({ machine }) => machine !== '?')]).toEqual([20, true]);
      expect((await held()).filter(({ item }) => item.name === 'ghost')).toEqual([]);
    }
  });

  it('serves searches that are asked at once, one behind the other', async () => {
    const a = await filled();
    const all = await Promise.all([search(a, 'walrus'), search(a, 'walrus 7'), ask(a, 'reindex', {}), search(a, '7')]);
    expect([all[0].total, all[1].total, all[3].total]).toEqual([20, 1, 1]);
  });

  it('holds no word of what was forgotten, on any machine', async () => {
    const [a, b] = await twoMachines();
    const db = database('a');
    db.session('s');
    db.observation('s', 'first', { narrative: 'zyxwvutsecret' });
    db.observation('s', 'second', { narrative: 'other' });
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    for (const node of [a, b]) expect((await search(node, 'zyxwvutsecret')).total).toBe(1);
    const [hit] = (await search(a, 'zyxwvutsecret')).hits;
    await ask(a, 'forget', { items: [hit?.id ?? ''] });
    await ask(b, 'sync', {});
    for (const machine of ['a', 'b'])
      for (const file of ['', '-wal'])
        expect(existsSync(indexOf(machine) + file) && readFileSync(indexOf(machine) + file).includes('zyxwvut')).toBe(false);
    for (const node of [a, b]) expect([(await search(node, 'zyxwvutsecret')).total, (await search(node, 'other')).total]).toEqual([0, 1]);
  });

  it('is the same as one that is made anew, after any changes', async () => {
    const a = await place.start('a', { live: false });
    const open = await a.ensurePersonalSpace();
    const db = database('a');
    db.session('s');
    const word = fc.constantFrom('walrus', 'lemur', 'otter', '記憶', 'new word');
    const deed = fc.oneof(
      fc.record({ type: fc.constant('add' as const), word }),
      fc.record({ type: fc.constant('edit' as const), word, at: fc.nat(9) }),
      fc.record({ type: fc.constant('delete' as const), at: fc.nat(9) }),
      fc.record({ type: fc.constant('write' as const), word, name: fc.constantFrom('CLAUDE.md', 'rules/a.md') }),
      fc.record({ type: fc.constant('say' as const), word }),
      fc.constant({ type: 'capture' as const }),
      fc.constant({ type: 'sync' as const }),
      fc.constant({ type: 'search' as const }),
    );
    const dump = async (): Promise<unknown> =>
      a.recall.use(
        async (index) => {
          const { space } = open.entry;
          const held = [...(await index.held(space))].toSorted(([x], [y]) => (x < y ? -1 : 1));
          const found = [];
          for (const text of ['walrus', 'lemur', 'otter', '記憶', 'word', 'new', '']) {
            const { hits, total } = await index.search(text === '' ? [] : [{ text, isPhrase: false }], {
              match: 'all',
              filter: {},
              limit: 1_000,
            });
            found.push([text, total, hits.map(({ item, number }) => `${item.name}:${number}`).toSorted()]);
          }
          return { held, found };
        },
        () => undefined,
      );
    let [count, said] = [0, ''];
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 3, maxLength: 12 }), async (deeds) => {
        for (const each of deeds) {
          const id = (at: number): number | undefined => db.get('SELECT id FROM observations ORDER BY id LIMIT 1 OFFSET ?', at);
          if (each.type === 'add') db.observation('s', `${each.word} ${(count += 1)}`);
          if (each.type === 'edit')
            db.run('UPDATE observations SET narrative = ? WHERE id = ?', `${each.word} ${(count += 1)}`, id(each.at) ?? -1);
          if (each.type === 'delete') db.run('DELETE FROM observations WHERE id = ?', id(each.at) ?? -1);
          if (each.type === 'write') await place.write('a', `${each.word} ${(count += 1)}\n`, each.name);
          if (each.type === 'say')
            await place.write(
              'a',
              (said += sessionLine('user', each.word, (count += 1))),
              'projects/-work-app/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl',
            );
          // Captured, and a draft: not in the log yet.
          if (each.type === 'capture') for (const { source } of [...open.sources, ...open.rows]) await source.scan();
          if (each.type === 'sync') await ask(a, 'sync', {});
          if (each.type === 'search') await search(a, 'walrus');
        }
        await search(a, 'walrus');
        const kept = await dump();
        await ask(a, 'reindex', {});
        expect(kept).toEqual(await dump());
      }),
      { numRuns: extent(10, 25) },
    );
  });

  it('needs no remote, and says what it could not read', async () => {
    const [a, b] = await twoMachines();
    const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
    mkdirSync(path.join(place.home('a'), 'work/app'), { recursive: true });
    // Too long for a bundle, and of a project that has no place on the other machine: its text stays at the remote.
    const large = Array.from({ length: 40 }, (_, i) => sessionLine('user', `walrus ${i} ${'x'.repeat(1_000)}`, i, '/elsewhere/app')).join(
      '',
    );
    await place.write('a', large, `projects/-elsewhere-app/${id}.jsonl`);
    await place.write('a', 'walrus\n');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await place.stop('a');
    const offline = await search(b, 'walrus');
    expect([offline.total, offline.unsearched]).toEqual([1, 1]);
    const { port } = new URL((b.spaces.values().next().value?.entry.remote?.address ?? '').replace(/^satchel:/, 'http:'));
    await place.start('a', { port: Number(port) });
    await ask(b, 'sync', {});
    expect((await search(b, 'walrus')).total).toBe(2);
    expect((await search(b, 'walrus')).unsearched).toBe(0);
  });
});
