import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/node/doctor/check.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** What a worker goes on with after its database was deleted: what a repair copies is all that there is of some rows. */
let place: Place;
let folder: string;
let file: string;
let node: SatchelNode;
const open: MemDatabase[] = [];
const workers: Worker[] = [];

beforeEach(async () => {
  place = await Place.create();
  folder = path.join(place.home('a'), '.claude-mem');
  file = path.join(folder, 'claude-mem.db');
  mkdirSync(folder, { recursive: true });
  const home = path.join(place.home('a'), '.satchel');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const projects = [{ project: 'loc*', local: true }];
  writeFileSync(path.join(home, 'config.json'), JSON.stringify({ claudeMem: { projects } }), { mode: 0o600 });
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.process.kill('SIGKILL');
  for (const database of open.splice(0)) database.close();
  await place.dispose();
});

interface Worker {
  readonly process: ChildProcessWithoutNullStreams;
  /** A line: the title of a row, or `sql ` and a statement. */
  say(line: string): Promise<void>;
}

async function worker(): Promise<Worker> {
  const held = spawn(process.execPath, [fileURLToPath(new URL('mem-holder.mjs', import.meta.url)), file], { stdio: 'pipe' });
  const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const made: Worker = {
    process: held,
    async say(line) {
      held.stdin.write(`${line}\n`);
      await lines.next();
    },
  };
  workers.push(made);
  return made;
}

function database(): MemDatabase {
  const made = new MemDatabase(file, '13.25.3');
  open.push(made);
  return made;
}

function closed(made: MemDatabase): void {
  open.splice(open.indexOf(made), 1);
  made.close();
}

/** A session with one row of each table, all of one project. */
function work(db: MemDatabase, session: string, project: string): void {
  const id = db.session(session, { project });
  db.observation(session, `${session} seen`, { project });
  db.summary(session, `${session} done`, { project });
  db.prompt(session, 1, `${session} asked`);
  db.insert('tool_uses', {
    ...{ tool_use_id: `${session}-tool`, content_session_id: session, memory_session_id: `m-${session}`, session_db_id: id, project },
    ...{ tool_name: 'Read', tool_input: '{}', created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000 },
  });
}

const repair = async (check: string) => (await ask(node, 'claude-mem-repair', { check, apply: true })).repairs;
const checksOf = async (): Promise<Check[]> => (await ask(node, 'doctor', {})).checks as Check[];
const checkOf = async (id: string): Promise<Check | undefined> => (await checksOf()).find((check) => check.id === id);

/** All files of the database, under the worker that runs. */
function remove(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
}

async function end({ process: held }: Worker): Promise<void> {
  if (held.signalCode !== null) return;
  held.kill('SIGKILL');
  await once(held, 'exit');
}

/** The worker is started again, which makes a new database, and what is missing in it is asked back. */
async function startAgain(held: Worker): Promise<MemDatabase> {
  await end(held);
  const fresh = database();
  await ask(node, 'sync', {});
  const { pending } = await ask(node, 'pending', {});
  expect(pending).toHaveLength(1);
  await ask(node, 'answer-pending', { answer: 'reject', ids: [pending[0]?.id ?? ''] });
  await ask(node, 'sync', {});
  return fresh;
}

async function start(): Promise<void> {
  node = await place.start('a', { live: false });
  await node.ensurePersonalSpace();
  await ask(node, 'sync', {});
}

async function namesOf(table: string): Promise<string[]> {
  const [space] = [...node.spaces.values()];
  const items = await space!.replica.exclusive(() => space!.replica.list({ kind: 'claude-mem' }));
  return items.filter(({ item }) => item.name.startsWith(`claude-mem/${table}/`)).map(({ item }) => item.name);
}

describe.runIf(process.platform === 'linux')('rows of a database that was deleted under its worker', () => {
  it.each(['known', 'new'])('are known by where they stood: an edited one is no second one (an edit that is %s)', async (edit) => {
    const before = database();
    before.session('s');
    for (const title of ['eee', 'fff']) before.observation('s', title);
    before.summary('s', 'ask');
    closed(before);
    await start();
    const held = await worker();
    const change = async (): Promise<void> => {
      await held.say("sql UPDATE observations SET narrative = 'told otherwise' WHERE title = 'eee'");
      await held.say("sql UPDATE session_summaries SET request = 'asked otherwise'");
    };
    if (edit === 'known') await change();
    await ask(node, 'sync', {});
    remove();
    if (edit === 'new') await change();
    await held.say('saved into nowhere');
    expect(await repair('open-file')).toMatchObject([{ state: 'done' }]);
    const fresh = await startAgain(held);
    expect([(await namesOf('observations')).length, (await namesOf('summaries')).length]).toEqual([3, 1]);
    const rows = fresh.sql.prepare('SELECT title, narrative FROM observations ORDER BY title').all();
    expect(rows).toEqual([
      { title: 'eee', narrative: 'told otherwise' },
      { title: 'fff', narrative: 'about fff' },
      { title: 'saved into nowhere', narrative: 'held' },
    ]);
    expect(fresh.get('SELECT request FROM session_summaries')).toBe('asked otherwise');
    fresh.check();
    expect((await checksOf()).filter(({ id, result }) => id.includes('claude-mem') && result !== 'ok')).toEqual([]);
  });

  it('are not brought back where they were deleted elsewhere', async () => {
    const before = database();
    before.session('s');
    for (const title of ['eee', 'fff']) before.observation('s', title);
    closed(before);
    await start();
    const held = await worker();
    remove();
    const [space] = [...node.spaces.values()];
    const [name = ''] = await namesOf('observations');
    const gone = { kind: 'claude-mem', name };
    const state = (await space!.replica.exclusive(() => space!.replica.visible([gone]))).values().next().value;
    await space!.replica.exclusive(() =>
      space!.replica.draft(
        [{ item: gone, base: state?.content ?? null, ours: null, history: [] }],
        { message: 'gone', writer: 'other' },
        space!.replica.newCommitId(),
      ),
    );
    expect(await namesOf('observations')).toHaveLength(1);
    await repair('open-file');
    expect(await namesOf('observations')).toHaveLength(1);
    const fresh = await startAgain(held);
    expect(fresh.get('SELECT count(*) FROM observations')).toBe(1);
  });

  it('are put into the new one where they go to no space, and doctor says so until they are', async () => {
    const before = database();
    work(before, 's-app', 'app');
    work(before, 's-local', 'loc1');
    before.observation('s-app', 'of both', { project: 'loc2' });
    const all = before.rows();
    closed(before);
    await start();
    const held = await worker();
    remove();
    const [done] = await repair('open-file');
    expect(done).toMatchObject({ state: 'done' });
    expect(done?.lines.join()).toContain('7 rows');
    expect(done?.lines.join()).toContain('repair left-rows --yes');
    const said = await checkOf('claude-mem.left-rows');
    expect(said).toMatchObject({ result: 'warn', severity: 'high', next_step: expect.stringContaining('repair left-rows') as string });
    expect(said?.evidence.join()).toContain('sdk_sessions 1, observations 2, session_summaries 1, user_prompts 1, tool_uses 2');
    expect(await repair('left-rows')).toMatchObject([{ state: 'blocked', next: expect.stringContaining('Start its worker') as string }]);
    const fresh = await startAgain(held);
    expect(await checkOf('claude-mem.left-rows')).toBeDefined();
    expect(await repair('left-rows')).toMatchObject([{ state: 'done' }]);
    expect(fresh.rows()).toEqual(all);
    const uses = fresh.sql.prepare(
      'SELECT tool_use_id AS id, s.content_session_id AS session FROM tool_uses t JOIN sdk_sessions s ON s.id = t.session_db_id ORDER BY 1',
    );
    expect(uses.all()).toEqual([
      { id: 's-app-tool', session: 's-app' },
      { id: 's-local-tool', session: 's-local' },
    ]);
    fresh.check();
    // They are claude-mem's again: what is deleted there now stays so.
    fresh.run("DELETE FROM user_prompts WHERE content_session_id = 's-local'");
    expect(await checkOf('claude-mem.left-rows')).toBeUndefined();
    expect(await repair('left-rows')).toEqual([]);
    expect((await namesOf('observations')).length).toBe(1);
  });

  it('wait for their sessions where the others were not written yet, and are not put twice', async () => {
    const before = database();
    work(before, 's-app', 'app');
    work(before, 's-local', 'loc1');
    closed(before);
    await start();
    const held = await worker();
    remove();
    await repair('open-file');
    await end(held);
    const fresh = database();
    const [first] = await repair('left-rows');
    expect(first).toMatchObject({ state: 'blocked' });
    expect(first?.lines.join()).toContain('1 row waits for the session');
    expect(fresh.get("SELECT count(*) FROM user_prompts WHERE content_session_id = 's-local'")).toBe(1);
    await ask(node, 'sync', {});
    const { pending } = await ask(node, 'pending', {});
    for (const { id } of pending) await ask(node, 'answer-pending', { answer: 'reject', ids: [id] });
    expect(await repair('left-rows')).toMatchObject([{ state: 'done' }]);
    expect([fresh.get('SELECT count(*) FROM tool_uses'), fresh.get('SELECT count(*) FROM user_prompts')]).toEqual([2, 2]);
    fresh.check();
  });

  it('are taken in though nothing of what was carried stands there, and nobody said yet what became of that', async () => {
    const before = database();
    work(before, 's-app', 'app');
    closed(before);
    await start();
    remove();
    const next = database();
    next.session('s');
    closed(next);
    const held = await worker();
    await ask(node, 'sync', {});
    remove();
    await held.say('saved into nowhere');
    const [done] = await repair('open-file');
    expect(done?.lines.join()).toContain('2 rows of it were new');
    const fresh = await startAgain(held);
    expect(fresh.sql.prepare('SELECT title FROM observations ORDER BY 1').pluck().all()).toEqual(['s-app seen', 'saved into nowhere']);
  });

  it('are put into one that stands there already at once', async () => {
    const before = database();
    work(before, 's-app', 'app');
    closed(before);
    await start();
    const held = await worker();
    remove();
    await held.say(
      "sql INSERT INTO sdk_sessions (content_session_id, memory_session_id, project, started_at, started_at_epoch) VALUES ('s', 'm-s', 'loc1', '2026', 1)",
    );
    await held.say('saved into nowhere');
    const fresh = database();
    work(fresh, 's-app', 'app');
    await ask(node, 'sync', {});
    const [done] = await repair('open-file');
    expect(done?.lines.join()).toContain('Put 2 rows');
    expect(fresh.sql.prepare('SELECT title FROM observations ORDER BY 1').pluck().all()).toEqual(['s-app seen', 'saved into nowhere']);
    expect(await checkOf('claude-mem.left-rows')).toBeUndefined();
    expect(await namesOf('observations')).toHaveLength(1);
  });

  it('have what nobody carries as well: counts of one machine, and columns of a newer release', async () => {
    const before = database();
    work(before, 's-app', 'app');
    before.observation('s-app', 'another');
    before.run('ALTER TABLE observations ADD COLUMN mood TEXT');
    before.run("UPDATE observations SET relevance_count = 7, mood = 'good' WHERE title = 's-app seen'");
    closed(before);
    await start();
    const held = await worker();
    remove();
    await repair('open-file');
    expect((await checkOf('claude-mem.left-rows'))?.evidence.join()).toContain('tool_uses 1, rows with columns that are not carried 1');
    await end(held);
    closed(database());
    const fresh = database();
    fresh.run('ALTER TABLE observations ADD COLUMN mood TEXT');
    await startAgain(held);
    expect(await repair('left-rows')).toMatchObject([{ state: 'done' }]);
    expect(fresh.sql.prepare('SELECT title, relevance_count AS count, mood FROM observations ORDER BY 1').all()).toEqual([
      { title: 'another', count: 0, mood: null },
      { title: 's-app seen', count: 7, mood: 'good' },
    ]);
    expect(await checkOf('claude-mem.left-rows')).toBeUndefined();
    fresh.check();
  });
});

it('a row that another one keeps out is told with that one, and what helps; nobody is told of a newer release', async () => {
  const before = database();
  before.session('s');
  before.observation('s', 'one');
  closed(before);
  await start();
  remove();
  const other = database();
  other.session('t', { memory_session_id: 'm-s' });
  await ask(node, 'sync', {});
  const { pending } = await ask(node, 'pending', {});
  await ask(node, 'answer-pending', { answer: 'reject', ids: pending.map(({ id }) => id) });
  expect(await checkOf('source:claude-mem.in-the-way')).toMatchObject({
    reason: expect.stringContaining('1 row of the space is not in this database') as string,
    next_step: expect.stringContaining('delete one in claude-mem') as string,
    evidence: [
      'claude-mem/sessions/claude/s: another row here has its place (number 1 of sdk_sessions, by memory_session_id: claude-mem/sessions/claude/t)',
    ],
  });
  expect(await checkOf('source:claude-mem.waiting')).toMatchObject({
    evidence: [expect.stringContaining('the row that it refers to is not here') as string],
  });
  expect(await checkOf('source:claude-mem.not-here')).toBeUndefined();
  expect((await ask(node, 'status', {})).spaces[0]?.sources.find(({ id }) => id === 'claude-mem')).toMatchObject({ in_the_way: 1 });
  other.run('DELETE FROM sdk_sessions');
  await ask(node, 'sync', {});
  expect([other.get('SELECT count(*) FROM sdk_sessions'), other.get('SELECT title FROM observations')]).toEqual([1, 'one']);
  expect(await checkOf('source:claude-mem.in-the-way')).toBeUndefined();
  expect((await ask(node, 'status', {})).spaces[0]?.sources.find(({ id }) => id === 'claude-mem')).toMatchObject({ in_the_way: 0 });
});

it.each(['reject', 'approve'] as const)(
  'what went with a database is asked about though its worker saved into the next one before anybody looked (%s)',
  async (answer) => {
    const before = database();
    work(before, 's', 'app');
    closed(before);
    await start();
    remove();
    const fresh = database();
    work(fresh, 't', 'app');
    for (let times = 0; times < 2; times += 1) {
      await place.stop('a');
      await start();
      expect(await namesOf('observations')).toHaveLength(1);
    }
    const { pending } = await ask(node, 'pending', {});
    expect(pending).toHaveLength(1);
    await ask(node, 'answer-pending', { answer, ids: [pending[0]?.id ?? ''] });
    await ask(node, 'sync', {});
    const titles = answer === 'reject' ? ['s seen', 't seen'] : ['t seen'];
    expect(fresh.sql.prepare('SELECT title FROM observations ORDER BY 1').pluck().all()).toEqual(titles);
    expect(await namesOf('observations')).toHaveLength(titles.length);
  },
);

it('rows of a log of the past that go to no space are put back where nothing became of them, and take no edit back', async () => {
  const made = database();
  made.sql.pragma('wal_autocheckpoint = 0');
  work(made, 's-local', 'loc1');
  made.observation('s-local', 'gone by now', { project: 'loc1', created_at_epoch: 7 });
  const past = path.join(place.root, 'past-wal');
  copyFileSync(`${file}-wal`, past);
  made.sql.pragma('wal_checkpoint(TRUNCATE)');
  made.run("UPDATE observations SET title = 'edited' WHERE title = 's-local seen'");
  made.run("DELETE FROM observations WHERE title = 'gone by now'");
  made.observation('s-local', 'later', { project: 'loc1' });
  await start();
  closed(made);
  await place.stop('a');
  copyFileSync(past, `${file}-wal`);
  node = await place.start('a', { live: false });
  expect(await repair('wal')).toMatchObject([{ state: 'done' }]);
  const now = database();
  expect(now.sql.prepare('SELECT title FROM observations ORDER BY 1').pluck().all()).toEqual(['edited', 'gone by now', 'later']);
  expect([now.get('SELECT count(*) FROM sdk_sessions'), now.get('SELECT count(*) FROM tool_uses')]).toEqual([1, 1]);
  expect(await checkOf('claude-mem.left-rows')).toBeUndefined();
  now.check();
});
