import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** Two machines of one person. On one of them a project stays for a while, and travels again: as after a long time offline. */
let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

interface Machine {
  readonly db: MemDatabase;
  readonly node: SatchelNode;
}

function database(machine: string): MemDatabase {
  const root = path.join(place.home(machine), '.claude-mem');
  mkdirSync(root, { recursive: true });
  const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return db;
}

/** With rows of the diary on both, by title. */
async function both(...titles: readonly string[]): Promise<{ readonly a: Machine; readonly b: Machine }> {
  const [dbA, dbB] = [database('a'), database('b')];
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
  dbA.session('s', { project: 'diary' });
  for (const [at, title] of titles.entries())
    dbA.observation('s', title, { project: 'diary', narrative: `about ${title}`, created_at_epoch: 1_780_000_000_000 + at });
  await settle(a, b);
  expect(rows(dbB)).toEqual(rows(dbA));
  return { a: { db: dbA, node: a }, b: { db: dbB, node: b } };
}

const settle = async (...nodes: SatchelNode[]): Promise<void> => {
  for (let round = 0; round < 3; round += 1) for (const node of nodes) await ask(node, 'sync', {});
};

const rows = (db: MemDatabase): Record<string, string> =>
  Object.fromEntries(
    (db.sql.prepare('SELECT title, narrative FROM observations ORDER BY title').all() as { title: string; narrative: string }[]).map(
      ({ title, narrative }) => [title, narrative],
    ),
  );
const edit = (db: MemDatabase, title: string, narrative: string): void =>
  db.run('UPDATE observations SET narrative = ? WHERE title = ?', narrative, title);
const remove = (db: MemDatabase, title: string): void => db.run('DELETE FROM observations WHERE title = ?', title);
const choose = ({ node }: Machine, type: 'local' | 'personal', project = 'diary'): Promise<unknown> =>
  ask(node, 'claude-mem-project-place', { project, to: { type } });
const conflicts = async ({ node }: Machine): Promise<number> => (await ask(node, 'status', {})).spaces[0]?.conflicts ?? -1;

it.each([false, true])('merges what was done on both sides while it stayed here (another process since: %s)', async (isAnew) => {
  const { a, b: first } = await both('A', 'B', 'C', 'D', 'E', 'F');
  let b = first;
  await choose(b, 'local');
  remove(a.db, 'A');
  edit(a.db, 'B', 'a edits B');
  edit(b.db, 'C', 'b edits C');
  remove(b.db, 'D');
  edit(a.db, 'E', 'a edits E');
  edit(b.db, 'E', 'b edits E');
  // Its words are part of a name that is looked for where nothing else is known of a row.
  b.db.run("UPDATE observations SET title = 'F2' WHERE title = 'F'");
  a.db.observation('s', 'of a', { project: 'diary', narrative: 'new' });
  b.db.observation('s', 'of b', { project: 'diary', narrative: 'new' });
  await settle(a.node, b.node);
  expect(rows(a.db)).toMatchObject({ B: 'a edits B', C: 'about C', D: 'about D', E: 'a edits E', F: 'about F' });
  expect(rows(b.db)).toEqual({
    ...{ A: 'about A', B: 'about B', C: 'b edits C', E: 'b edits E', F2: 'about F' },
    'of b': 'new',
  });
  if (isAnew) {
    await place.stop('b');
    b = { db: b.db, node: await place.start('b', { live: false }) };
    await settle(b.node);
  }
  await choose(b, 'personal');
  await settle(a.node, b.node);
  const merged = { B: 'a edits B', C: 'b edits C', E: 'a edits E', F2: 'about F', 'of a': 'new', 'of b': 'new' };
  expect(rows(a.db)).toEqual(merged);
  expect(rows(b.db)).toEqual(merged);
  expect([await conflicts(a), await conflicts(b)]).toEqual([1, 1]);
  for (const { node, db } of [a, b]) {
    db.check();
    expect((await ask(node, 'pending', {})).pending).toEqual([]);
    expect((await ask(node, 'doctor', {})).checks.filter(({ id }) => /in-the-way|waiting|skipped/.test(id))).toEqual([]);
  }
});

it('knows nothing less of its rows after choices for other projects', async () => {
  const { a, b } = await both('A', 'B', 'C');
  await choose(b, 'local');
  remove(b.db, 'A');
  edit(b.db, 'B', 'b edits B');
  await choose(b, 'local', 'other');
  edit(a.db, 'C', 'a edits C');
  await settle(a.node, b.node);
  expect(rows(a.db)).toEqual({ A: 'about A', B: 'about B', C: 'a edits C' });
  expect(rows(b.db)).toEqual({ B: 'b edits B', C: 'about C' });
  await choose(b, 'personal');
  await settle(a.node, b.node);
  expect(rows(a.db)).toEqual({ B: 'b edits B', C: 'a edits C' });
  expect(rows(b.db)).toEqual(rows(a.db));
  expect(await conflicts(b)).toBe(0);
});

it('merges what was done while claude-mem had its session in a project that stays', async () => {
  const { a, b } = await both('A', 'B', 'C');
  await choose(b, 'local', 'secret');
  const move = (project: string): void => {
    b.db.run('UPDATE sdk_sessions SET project = ?', project);
    b.db.run('UPDATE observations SET project = ?', project);
  };
  move('secret');
  await settle(b.node);
  edit(b.db, 'B', 'b edits B');
  b.db.run("UPDATE observations SET title = 'A2' WHERE title = 'A'");
  edit(a.db, 'C', 'a edits C');
  await settle(a.node, b.node);
  expect(rows(a.db)).toEqual({ A: 'about A', B: 'about B', C: 'a edits C' });
  move('diary');
  await settle(b.node, a.node);
  expect(rows(a.db)).toEqual({ A2: 'about A', B: 'b edits B', C: 'a edits C' });
  expect(rows(b.db)).toEqual(rows(a.db));
  expect(await conflicts(b)).toBe(0);
});

it('asks before a mass of deletions that were made meanwhile goes on', async () => {
  const titles = Array.from({ length: 30 }, (_, at) => `row ${at}`);
  const { a, b } = await both(...titles);
  await choose(b, 'local');
  b.db.run("DELETE FROM observations WHERE title <> 'row 7'");
  await settle(b.node);
  expect((await ask(b.node, 'pending', {})).pending).toEqual([]);
  await choose(b, 'personal');
  await settle(b.node, a.node);
  expect(Object.keys(rows(a.db)).length).toBe(30);
  const { pending } = await ask(b.node, 'pending', {});
  expect(pending.map(({ type }) => type)).toEqual(['mass-deletion']);
  await ask(b.node, 'answer-pending', { answer: 'reject', ids: pending.map(({ id }) => id) });
  await settle(b.node, a.node);
  expect(Object.keys(rows(b.db)).length).toBe(30);
});

it('keeps what was kept here alone, where the space was made to forget it meanwhile', async () => {
  const { a, b } = await both('A', 'B', 'C');
  await choose(b, 'local');
  const [open] = [...b.node.spaces.values()];
  const { replica } = open!;
  const carried = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
  await ask(b.node, 'forget', { items: carried.map(({ item }) => item.name) });
  await settle(a.node, b.node);
  expect(rows(a.db)).toEqual({});
  edit(b.db, 'B', 'b edits B');
  remove(b.db, 'C');
  await settle(b.node);
  const kept = { A: 'about A', B: 'b edits B' };
  expect(rows(b.db)).toEqual(kept);
  await choose(b, 'personal');
  await settle(b.node, a.node);
  expect(rows(b.db)).toEqual(kept);
  expect(rows(a.db)).toEqual(kept);
  expect((await ask(b.node, 'status', {})).spaces[0]).toMatchObject({ conflicts: 0, pending: 0 });
});

type State = { readonly title: string; readonly narrative: string } | null;

/** What a row is to be after both sides did what they did to it; `both`: a conflict, with either in place. */
function merged(base: State, [ours, theirs]: readonly [State, State]): State | 'both' {
  const same = (x: State, y: State): boolean => JSON.stringify(x) === JSON.stringify(y);
  if (same(ours, base)) return theirs;
  if (same(theirs, base) || theirs === null) return ours;
  if (ours === null || base === null) return theirs;
  const pick = (key: 'title' | 'narrative'): string | null =>
    ours[key] === base[key] ? theirs[key] : theirs[key] === base[key] || theirs[key] === ours[key] ? ours[key] : null;
  const [title, narrative] = [pick('title'), pick('narrative')];
  return title === null || narrative === null ? 'both' : { title, narrative };
}

it.each([1, 2])(
  'ends as after a long time offline, whatever is done in whichever order (seed %s)',
  async (seed) => {
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    const { a, b } = await both(...Array.from({ length: 12 }, (_, at) => `row ${at}`));
    const machines = [a, b];
    const at = (db: MemDatabase): Map<number, State & object> =>
      new Map(
        (
          db.sql.prepare('SELECT created_at_epoch AS id, title, narrative FROM observations').all() as ({ id: number } & (State & object))[]
        ).map(({ id, title, narrative }) => [id, { title, narrative }]),
      );
    let [words, epoch] = [0, 1_790_000_000_000];
    const inConflict = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      const base = at(a.db);
      expect(at(b.db)).toEqual(base);
      const [first, second] = random(3) === 0 ? [true, true] : random(2) === 0 ? [true, false] : [false, true];
      if (first) await choose(a, 'local');
      if (second) await choose(b, 'local');
      const fresh = new Map<number, State>();
      for (let deed = 0; deed < 16; deed += 1) {
        const { db, node } = machines[random(2)]!;
        const there = [...at(db).keys()].filter((id) => !inConflict.has(id));
        const id = there[random(Math.max(1, there.length))];
        const kind = random(8);
        words += 1;
        if (kind === 0) {
          const row = { title: `new ${words}`, narrative: 'new' };
          db.observation('s', row.title, { project: 'diary', narrative: row.narrative, created_at_epoch: (epoch += 1) });
          fresh.set(epoch, row);
        } else if (kind === 1) await ask(node, 'sync', {});
        else if (kind === 2) await choose({ db, node }, random(2) === 0 ? 'local' : 'personal', 'other');
        else if (id === undefined || fresh.has(id)) continue;
        else if (kind === 3) db.run('DELETE FROM observations WHERE created_at_epoch = ?', id);
        else if (kind === 4) db.run('UPDATE observations SET title = ? WHERE created_at_epoch = ?', `title ${words}`, id);
        else db.run('UPDATE observations SET narrative = ? WHERE created_at_epoch = ?', `words ${words}`, id);
      }
      const [ours, theirs] = [at(a.db), at(b.db)];
      for (const machine of machines) await choose(machine, 'personal');
      await settle(b.node, a.node);
      for (const [id, row] of fresh) expect([id, at(a.db).get(id), at(b.db).get(id)]).toEqual([id, row, row]);
      for (const [id, before] of base) {
        const expected = merged(before, [ours.get(id) ?? null, theirs.get(id) ?? null]);
        const ends = [at(a.db).get(id) ?? null, at(b.db).get(id) ?? null];
        if (expected === 'both') inConflict.add(id);
        else expect([seed, round, id, ...ends]).toEqual([seed, round, id, expected, expected]);
      }
      expect(await conflicts(a)).toBe(inConflict.size);
    }
    expect(inConflict.size).toBeGreaterThan(0);
    for (const { db } of machines) db.check();
  },
  60_000,
);
