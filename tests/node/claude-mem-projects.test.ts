import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { OpenSpace, SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** Ada and Bob, each with a personal space and claude-mem, and a space of both. */
let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

type Choice = { readonly project: string } & ({ readonly local: true } | { readonly space: string });

function configure(machine: string, projects: readonly Choice[]): void {
  const folder = path.join(place.home(machine), '.satchel');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ claudeMem: { projects } }), { mode: 0o600 });
}

function database(machine: string): MemDatabase {
  const root = path.join(place.home(machine), '.claude-mem');
  mkdirSync(root, { recursive: true });
  const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return db;
}

/** A session with one row of each table, all of one project. */
function work(db: MemDatabase, session: string, project: string): void {
  db.session(session, { project });
  db.observation(session, `${session} seen`, { project });
  db.summary(session, `${session} done`, { project });
  db.prompt(session, 1, `${session} asked`);
}

const spaceOf = (node: SatchelNode, name: string): OpenSpace => [...node.spaces.values()].find(({ entry }) => entry.name === name)!;

async function namesIn(node: SatchelNode, space: string): Promise<string[]> {
  const { replica } = spaceOf(node, space);
  return (await replica.exclusive(() => replica.list({ kind: 'claude-mem' }))).map(({ item }) => item.name);
}

/** Which sessions have how many rows there. */
async function sessionsIn(node: SatchelNode, space: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of await namesIn(node, space)) {
    const [, table, ...rest] = name.split('/');
    const session = (table === 'prompts' ? rest[0] : rest[1]) ?? '';
    counts[session] = (counts[session] ?? 0) + 1;
  }
  return counts;
}

/** A space of both, ordered at Ada's node; its members are of different accounts. */
async function team(ada: SatchelNode, bob: SatchelNode | null, mode: 'sealed' | 'open' = 'sealed'): Promise<void> {
  const { space, genesis } = await createSpace(ada.deps, mode);
  await ada.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
  const open = await ada.addSpace({ space, name: 'team', remote: null, addedAt: 0, recoveryShown: true });
  if (bob === null) return;
  const { machine } = bob.deps;
  const account = spaceOf(bob, 'personal').entry.space;
  await addMember(open.replica, ada.local, {
    machine: machine.key.machine,
    recipient: machine.recipient,
    name: 'bob',
    role: 'writer',
    account,
  });
  const joined = await bob.addSpace({ space, name: 'team', remote: ada.descriptor(), addedAt: 0, recoveryShown: true });
  await joined.runner.syncNow();
}

const titles = (db: MemDatabase): string[] => db.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];
const settle = async (...nodes: SatchelNode[]): Promise<void> => {
  for (let round = 0; round < 3; round += 1) for (const node of nodes) await ask(node, 'sync', {});
};

describe('a project that stays on this machine', () => {
  it('is in no space, with all of its rows; others travel', async () => {
    configure('a', [{ project: 'diary', local: true }]);
    const db = database('a');
    work(db, 's-app', 'app');
    work(db, 's-diary', 'diary');
    work(db, 's-upper', 'Diary');
    // A row that says that it is of it, in a session of another project, stays as well.
    db.observation('s-app', 'of the diary', { project: 'diary' });
    db.observation('s-app', 'merged into it', { merged_into_project: 'diary' });
    const a = await place.start('a');
    await settle(a);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-app': 4 });
    const { checks } = await ask(a, 'doctor', {});
    expect(checks.find(({ id }) => id === 'source:claude-mem.elsewhere')).toMatchObject({
      result: 'ok',
      evidence: expect.arrayContaining([expect.stringContaining('project diary stays on this machine')]) as string[],
    });
    expect(checks.some(({ id }) => id === 'source:claude-mem.skipped')).toBe(false);
    expect(await ask(a, 'search', { query: 'nowhere at all' })).toMatchObject({
      total: 0,
      hints: ['Not searched: memories of projects that stay on this machine (diary). claude-mem’s own search has them'],
    });
    expect(await ask(a, 'search', { query: 'nowhere at all', kind: 'sessions' })).toMatchObject({ total: 0, hints: [] });
  });

  it('keeps what was carried before where it is: its later edits and deletions stay here', async () => {
    const db = database('a');
    work(db, 's-diary', 'diary');
    let a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await settle(a);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-diary': 4 });
    await place.stop('a');
    configure('a', [{ project: 'diary', local: true }]);
    a = await place.start('a', { live: false });
    db.run("UPDATE observations SET title = 'edited'");
    db.run('DELETE FROM session_summaries');
    work(db, 's-diary-2', 'diary');
    await settle(a);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-diary': 4 });
    expect(titles(db)).toEqual(['edited', 's-diary-2 seen']);
    // Nor is what is there put in place again, or anything gone, with the next start.
    await place.stop('a');
    a = await place.start('a', { live: false });
    await settle(a);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-diary': 4 });
    expect(db.get('SELECT count(*) FROM session_summaries')).toBe(1);
    // Chosen otherwise, all of it travels again, and what was done here meanwhile counts, as after a long time offline.
    await place.stop('a');
    configure('a', []);
    a = await place.start('a', { live: false });
    await settle(a);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-diary': 3, 's-diary-2': 4 });
    expect(db.get('SELECT count(*) FROM session_summaries')).toBe(1);
    expect(titles(db)).toEqual(['edited', 's-diary-2 seen']);
    db.check();
  });

  it('takes nothing of it from other machines either', async () => {
    const a = await place.start('a');
    configure('b', [{ project: 'diary', local: true }]);
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
    const [dbA, dbB] = [database('a'), database('b')];
    work(dbA, 's-diary', 'diary');
    work(dbA, 's-app', 'app');
    await settle(a, b);
    expect(titles(dbB)).toEqual(['s-app seen']);
    expect(dbB.get('SELECT count(*) FROM user_prompts')).toBe(1);
    // A prompt that comes later, of a session that is not here.
    dbA.prompt('s-diary', 2, 'later');
    await settle(a, b);
    expect(dbB.get('SELECT count(*) FROM user_prompts')).toBe(1);
    expect((await ask(b, 'status', {})).spaces[0]?.sources.at(-1)).toMatchObject({ state: 'ok' });
  });
});

describe('a project that is shared with a team', () => {
  it('goes to its space and to the members’ databases, and is in no personal space', async () => {
    configure('a', [{ project: 'app', space: 'team' }]);
    const [dbA, dbB] = [database('a'), database('b')];
    work(dbA, 's-app', 'app');
    work(dbA, 's-own', 'garden');
    // Of another project than its session, which go to different places: it stays.
    dbA.observation('s-app', 'of the garden', { project: 'garden' });
    work(dbB, 's-bob', 'bobs');
    const a = await place.start('a');
    const b = await place.start('b');
    await team(a, b);
    await expect.poll(() => titles(dbB).length).toBe(2);
    await settle(a, b);
    expect(titles(dbB)).toEqual(['s-app seen', 's-bob seen']);
    expect(dbB.get('SELECT count(*) FROM user_prompts')).toBe(2);
    expect(await sessionsIn(a, 'team')).toEqual({ 's-app': 4 });
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-own': 4 });
    const { checks } = await ask(a, 'doctor', {});
    expect(checks.find(({ id }) => id === 'source:claude-mem.skipped')?.evidence?.join()).toContain('which go to different places');
    expect(await sessionsIn(b, 'personal')).toEqual({ 's-bob': 4 });
    // What one of them edits or deletes there is edited or deleted for both, and still in no personal space.
    dbB.run("UPDATE observations SET subtitle = 'by bob' WHERE title = 's-app seen'");
    dbA.run("DELETE FROM session_summaries WHERE request = 's-app done'");
    await expect.poll(() => dbA.get("SELECT subtitle FROM observations WHERE title = 's-app seen'")).toBe('by bob');
    await expect.poll(() => dbB.get<number>('SELECT count(*) FROM session_summaries')).toBe(1);
    await settle(a, b);
    expect(await sessionsIn(b, 'personal')).toEqual({ 's-bob': 4 });
    expect(await sessionsIn(b, 'team')).toEqual({ 's-app': 3 });
    dbA.check();
    dbB.check();
  });

  it('leaves a member’s own rows of a project of that name alone, until that one shares it too', async () => {
    configure('a', [{ project: 'app', space: 'team' }]);
    const [dbA, dbB] = [database('a'), database('b')];
    work(dbA, 's-ada', 'app');
    work(dbB, 's-bob', 'app');
    const a = await place.start('a');
    let b = await place.start('b');
    await team(a, b);
    await expect.poll(() => titles(dbB).length).toBe(2);
    await settle(a, b);
    expect(await sessionsIn(a, 'team')).toEqual({ 's-ada': 4 });
    expect(await sessionsIn(b, 'personal')).toEqual({ 's-bob': 4 });
    await place.stop('b');
    configure('b', [{ project: 'app', space: 'team' }]);
    b = await place.start('b');
    await expect.poll(() => titles(dbA).length).toBe(2);
    await settle(a, b);
    expect(await sessionsIn(b, 'team')).toEqual({ 's-ada': 4, 's-bob': 4 });
    // What the personal space had stays in it, and in its history.
    expect(await sessionsIn(b, 'personal')).toEqual({ 's-bob': 4 });
    dbB.run("UPDATE observations SET subtitle = 'later' WHERE title = 's-bob seen'");
    await expect.poll(() => dbA.get("SELECT subtitle FROM observations WHERE title = 's-bob seen'")).toBe('later');
  });

  it('is merged with what members did while it stayed on a machine', async () => {
    configure('a', [{ project: 'app', space: 'team' }]);
    const [dbA, dbB] = [database('a'), database('b')];
    dbA.session('s', { project: 'app' });
    for (const title of ['bobs', 'adas', 'both', 'gone here', 'gone there']) dbA.observation('s', title, { project: 'app' });
    const a = await place.start('a');
    const b = await place.start('b');
    await team(a, b);
    await expect.poll(() => titles(dbB).length).toBe(5);
    await settle(a, b);
    await ask(a, 'claude-mem-project-place', { project: 'app', to: { type: 'local' } });
    const edit = (db: MemDatabase, title: string, narrative: string): void =>
      db.run('UPDATE observations SET narrative = ? WHERE title = ?', narrative, title);
    for (const title of ['adas', 'both']) edit(dbA, title, 'by ada');
    for (const title of ['bobs', 'both']) edit(dbB, title, 'by bob');
    dbA.run("DELETE FROM observations WHERE title = 'gone here'");
    dbB.run("DELETE FROM observations WHERE title = 'gone there'");
    await settle(a, b);
    expect([titles(dbA), titles(dbB)]).toEqual([
      ['adas', 'bobs', 'both', 'gone there'],
      ['adas', 'bobs', 'both', 'gone here'],
    ]);
    await ask(a, 'claude-mem-project-place', { project: 'app', to: { type: 'space', space: 'team' } });
    await settle(a, b);
    for (const db of [dbA, dbB])
      expect(db.sql.prepare('SELECT title, narrative FROM observations ORDER BY title').raw().all()).toEqual([
        ['adas', 'by ada'],
        ['bobs', 'by bob'],
        ['both', 'by bob'],
      ]);
    expect((await ask(a, 'status', {})).spaces.find(({ name }) => name === 'team')).toMatchObject({ conflicts: 1 });
    expect(await sessionsIn(a, 'personal')).toEqual({});
  });

  it('waits for an answer where a row looks like a secret', async () => {
    const token = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';
    configure('a', [{ project: 'app', space: 'team' }]);
    const dbA = database('a');
    work(dbA, 's-app', 'app');
    dbA.observation('s-app', 'deploying', { narrative: `use ${token}` });
    const a = await place.start('a');
    await team(a, null, 'open');
    await settle(a);
    expect((await namesIn(a, 'team')).length).toBe(4);
    const { pending } = await ask(a, 'pending', {});
    expect(pending).toMatchObject([{ type: 'secret', what: expect.stringContaining('GitHub token') as string }]);
    expect(JSON.stringify(pending)).not.toContain(token.slice(4, 14));
    await ask(a, 'answer-pending', { answer: 'approve', ids: [pending[0]?.id ?? ''] });
    expect((await namesIn(a, 'team')).length).toBe(5);
    expect(await namesIn(a, 'personal')).toEqual([]);
  });

  it('goes nowhere where its space is not here, which doctor says', async () => {
    configure('a', [{ project: 'app', space: 'teem' }]);
    work(database('a'), 's-app', 'app');
    const a = await place.start('a');
    await settle(a);
    expect(await namesIn(a, 'personal')).toEqual([]);
    const { checks } = await ask(a, 'doctor', {});
    expect(checks.find(({ id }) => id === 'claude-mem.projects')).toMatchObject({ result: 'warn', evidence: ['app: teem'] });
  });
});

describe('satchel claude-mem projects', () => {
  it('lists projects with where they go, and says of one where it goes from now on, at once and for ever', async () => {
    const db = database('a');
    work(db, 's-app', 'app');
    work(db, 's-diary', 'diary');
    let a = await place.start('a');
    await team(a, null);
    await settle(a);
    expect((await ask(a, 'claude-mem-projects', {})).projects).toEqual([
      { project: 'app', rows: 4, space: 'personal', by: null },
      { project: 'diary', rows: 4, space: 'personal', by: null },
    ]);
    const local = await ask(a, 'claude-mem-project-place', { project: 'diary', to: { type: 'local' } });
    expect(local).toMatchObject({ project: 'diary', space: null, rows: 4, shared: false, carried: [{ space: 'personal' }] });
    expect(local.carried[0]?.items.length).toBe(4);
    const shared = await ask(a, 'claude-mem-project-place', { project: 'app', to: { type: 'space', space: 'team' } });
    expect(shared).toMatchObject({ space: 'team', carried: [{ space: 'personal' }] });
    expect(await sessionsIn(a, 'team')).toEqual({ 's-app': 4 });
    // What is new of both is not in the personal space any more.
    work(db, 's-app-2', 'app');
    work(db, 's-diary-2', 'diary');
    await expect.poll(async () => (await sessionsIn(a, 'team'))['s-app-2']).toBe(4);
    expect(await sessionsIn(a, 'personal')).toEqual({ 's-app': 4, 's-diary': 4 });
    await place.stop('a');
    a = await place.start('a', { live: false });
    expect((await ask(a, 'claude-mem-projects', {})).projects).toMatchObject([
      { space: 'team', by: 'app' },
      { space: null, by: 'diary' },
    ]);
    // Also where the node does not run.
    expect(await ask(a, 'claude-mem-project-place', { project: 'diary', to: { type: 'personal' } })).toMatchObject({
      space: 'personal',
      carried: [],
    });
    expect(await sessionsIn(a, 'personal')).toMatchObject({ 's-diary-2': 4 });
    db.check();
  });

  it('refuses a space that is not here', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await expect(ask(a, 'claude-mem-project-place', { project: 'app', to: { type: 'space', space: 'teem' } })).rejects.toMatchObject({
      type: 'no-space',
    });
  });
});
