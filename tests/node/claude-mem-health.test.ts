import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/node/doctor/check.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase, type MemSchema } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** States that wedge claude-mem, each made for real, named by doctor, and repaired. */
let place: Place;
let folder: string;
let file: string;
const open: MemDatabase[] = [];
const workers: Worker[] = [];

beforeEach(async () => {
  place = await Place.create();
  folder = path.join(place.home('a'), '.claude-mem');
  file = path.join(folder, 'claude-mem.db');
  mkdirSync(folder, { recursive: true });
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.process.kill('SIGKILL');
  for (const database of open.splice(0)) database.close();
  await place.dispose();
});

function database(schema: MemSchema = '13.25.3', at = file): MemDatabase {
  mkdirSync(path.dirname(at), { recursive: true });
  const made = new MemDatabase(at, schema);
  open.push(made);
  return made;
}

/** As a process that ended leaves it. */
function closed(made: MemDatabase): void {
  open.splice(open.indexOf(made), 1);
  made.close();
}

/** Not watching: what the tests do is done when they do it. */
async function start(): Promise<SatchelNode> {
  const node = await place.start('a', { live: false });
  await node.ensurePersonalSpace();
  return node;
}

async function checksOf(node: SatchelNode): Promise<Check[]> {
  const { checks } = await ask(node, 'doctor', {});
  return checks.filter(({ id }) => id.startsWith('claude-mem')) as Check[];
}

const idsOf = async (node: SatchelNode): Promise<string[]> => (await checksOf(node)).map(({ id }) => id);

/** Shown first, which changes nothing; then done; then there is nothing left. */
async function repair(node: SatchelNode, id: string): Promise<string | null> {
  const shown = await ask(node, 'claude-mem-repair', { check: id });
  expect(shown.repairs).toMatchObject([{ id, state: 'would' }]);
  expect(shown.repairs[0]?.would.length).toBeGreaterThan(0);
  expect(await idsOf(node)).toContain(`claude-mem.${id}`);
  const { repairs } = await ask(node, 'claude-mem-repair', { check: id, apply: true });
  expect(repairs).toMatchObject([{ id, state: 'done' }]);
  expect((await ask(node, 'claude-mem-repair', { check: id, apply: true })).repairs).toEqual([]);
  return repairs[0]?.backup ?? null;
}

interface Worker {
  readonly process: ChildProcessWithoutNullStreams;
  save(title: string): Promise<void>;
}

async function worker(): Promise<Worker> {
  const script = fileURLToPath(new URL('mem-holder.mjs', import.meta.url));
  const held = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const made: Worker = {
    process: held,
    async save(title) {
      held.stdin.write(`${title}\n`);
      await lines.next();
    },
  };
  workers.push(made);
  return made;
}

const titlesIn = (made: MemDatabase): string[] =>
  made.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];

it('finds nothing wrong with a database of any release, and says so', async () => {
  const node = await start();
  for (const schema of [
    '9.0.0',
    '10.0.0',
    '11.0.0',
    '12.0.0',
    '12.6.0',
    '13.0.0',
    '13.10.0',
    '13.11.0',
    '13.12.0',
    '13.15.3',
    '13.25.3',
  ] as const) {
    const made = database(schema);
    made.session('s');
    made.observation('s', 'one');
    made.summary('s', 'do');
    made.prompt('s', 1, 'hello');
    closed(made);
    expect([schema, await idsOf(node)]).toEqual([schema, ['claude-mem']]);
    for (const name of readdirSync(folder)) rmSync(path.join(folder, name));
  }
});

it('says nothing where claude-mem is not used', async () => {
  rmSync(folder, { recursive: true });
  const node = await start();
  expect(await idsOf(node)).toEqual([]);
});

describe.runIf(process.platform === 'linux')('a worker that goes on with a file that has no name any more', () => {
  it('is named; what it saved since is taken in, and is in the database that is there now', async () => {
    const before = database();
    before.session('s');
    before.observation('s', 'before');
    closed(before);
    const held = await worker();
    // Replaced, as by a sync tool: another file, with rows of its own.
    copyFileSync(file, `${file}.new`);
    renameSync(`${file}.new`, file);
    rmSync(`${file}-wal`, { force: true });
    rmSync(`${file}-shm`, { force: true });
    await held.save('saved into nowhere');
    const node = await start();
    await ask(node, 'sync', {});
    const [check] = await checksOf(node);
    expect(check).toMatchObject({
      id: 'claude-mem.open-file',
      result: 'fail',
      severity: 'high',
      next_step: expect.stringContaining('repair open-file') as string,
    });
    expect(check?.evidence.join()).toContain(String(held.process.pid));

    const { repairs } = await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true });
    expect(repairs).toMatchObject([{ state: 'done', backup: expect.stringContaining('claude-mem-backups') as string }]);
    expect(titlesIn(database())).toEqual(['before', 'saved into nowhere']);
    // As long as the worker runs, the state is there; a repair again takes in what came since, and nothing twice.
    await held.save('and again');
    await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true });
    expect(titlesIn(open[0]!)).toEqual(['and again', 'before', 'saved into nowhere']);
    held.process.kill('SIGKILL');
    await new Promise((resolve) => held.process.once('exit', resolve));
    expect(await idsOf(node)).toEqual(['claude-mem']);
  });

  it('may have lost its log alone', async () => {
    const before = database();
    before.session('s');
    closed(before);
    const held = await worker();
    await held.save('in the log');
    rmSync(`${file}-wal`);
    const node = await start();
    expect(await idsOf(node)).toContain('claude-mem.open-file');
    await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true });
    const [space] = [...node.spaces.values()];
    const names = (await space!.replica.exclusive(() => space!.replica.list({ kind: 'claude-mem' }))).map(
      ({ item }) => item.name.split('/')[1],
    );
    expect(new Set(names)).toEqual(new Set(['observations', 'sessions']));
  });
});

describe('a write-ahead log of another database', () => {
  /** A database with the log of an older one beside it, as after a restore that left it there. */
  function replaced(): void {
    const old = database();
    old.sql.pragma('wal_autocheckpoint = 0');
    old.session('s');
    old.observation('s', 'old');
    copyFileSync(`${file}-wal`, path.join(place.root, 'old-wal'));
    closed(old);
    const fresh = database('13.25.3');
    fresh.observation('s', 'new one');
    fresh.observation('s', 'new two');
    closed(fresh);
    copyFileSync(path.join(place.root, 'old-wal'), `${file}-wal`);
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(`${file}-wal`, hourAgo, hourAgo);
  }

  it('is named, opened by nobody of ours, and moved away; what it alone has is taken in', async () => {
    replaced();
    const node = await start();
    await ask(node, 'sync', {});
    expect((await ask(node, 'status', {})).spaces[0]?.sources.at(-1)).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('write-ahead log') as string,
    });
    expect(existsSync(`${file}-wal`)).toBe(true);
    expect(await checksOf(node)).toMatchObject([{ id: 'claude-mem.wal', result: 'fail', severity: 'high' }]);
    const backup = await repair(node, 'wal');
    expect(existsSync(backup ?? '')).toBe(true);
    expect(existsSync(`${backup}-wal`)).toBe(true);
    expect(titlesIn(database())).toEqual(['new one', 'new two', 'old']);
    expect(await idsOf(node)).toEqual(['claude-mem']);
  });

  it('is told from the log that a killed program left', async () => {
    const made = database();
    made.sql.pragma('wal_autocheckpoint = 0');
    made.session('s');
    made.observation('s', 'one');
    for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, path.join(place.root, `killed.db${end}`));
    closed(made);
    for (const name of readdirSync(folder)) rmSync(path.join(folder, name));
    copyFileSync(path.join(place.root, 'killed.db'), file);
    copyFileSync(path.join(place.root, 'killed.db-wal'), `${file}-wal`);
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(1_000);
    const node = await start();
    expect(await idsOf(node)).toEqual(['claude-mem']);
    await ask(node, 'sync', {});
    expect(titlesIn(database())).toEqual(['one']);
  });
});

describe('tables that are not what they say', () => {
  it('lack columns: they are added as claude-mem does, and rows are as they were', async () => {
    const made = database('13.25.3');
    made.session('s');
    made.prompt('s', 1, 'hello');
    made.observation('s', 'one');
    made.run('DROP INDEX idx_user_prompts_session');
    made.run('DROP INDEX idx_user_prompts_lookup');
    made.run('ALTER TABLE observations DROP COLUMN generated_by_model');
    made.run('ALTER TABLE sdk_sessions DROP COLUMN observed_model');
    closed(made);
    const node = await start();
    const [check] = await checksOf(node);
    expect(check).toMatchObject({
      id: 'claude-mem.schema',
      result: 'fail',
      evidence: ['observations.generated_by_model', 'sdk_sessions.observed_model'],
    });
    const backup = await repair(node, 'schema');
    expect(existsSync(backup ?? '')).toBe(true);
    const mended = database();
    expect(mended.columns('observations')).toContain('generated_by_model');
    expect(titlesIn(mended)).toEqual(['one']);
    mended.check();
  });

  it('of a newer release have columns that stay here, which is said', async () => {
    const made = database();
    made.run('ALTER TABLE observations ADD COLUMN mood TEXT');
    closed(made);
    const node = await start();
    expect(await checksOf(node)).toMatchObject([
      { id: 'claude-mem.newer-schema', result: 'warn', severity: 'low', evidence: ['observations.mood'] },
    ]);
    expect((await ask(node, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ state: 'nothing', backup: null }]);
  });
});

describe('queues that do not move', () => {
  const settings = (device: string): void =>
    writeFileSync(path.join(folder, 'settings.json'), JSON.stringify({ CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: device }));

  it('hold ops of another device id: they are thrown away, and their rows are sent anew', async () => {
    settings('mine');
    const made = database();
    made.session('s');
    const id = made.observation('s', 'one', { synced_at: -1 });
    made.insert('sync_content_outbox', {
      ...{ entity_id: 'observation:x', kind: 'observation', origin_local_id: String(id), entity_rev: '1', created_at_epoch: Date.now() },
      ...{ body: JSON.stringify({ origin_device_id: 'theirs' }), operation_sha256: 'x' },
    });
    closed(made);
    const node = await start();
    expect(await checksOf(node)).toMatchObject([{ id: 'claude-mem.queue', result: 'fail' }]);
    await repair(node, 'queue');
    const mended = database();
    expect(mended.get('SELECT count(*) FROM sync_content_outbox')).toBe(0);
    expect(mended.get('SELECT synced_at FROM observations')).toBe(null);
  });

  it('hold messages that were taken up and never finished: they are put back; not under a worker that runs', async () => {
    const made = database('9.0.0');
    const session = made.session('s');
    made.insert('pending_messages', {
      ...{ session_db_id: session, content_session_id: 's', message_type: 'observation', status: 'processing', created_at_epoch: 1 },
    });
    closed(made);
    writeFileSync(path.join(folder, 'worker.pid'), JSON.stringify({ pid: process.pid }));
    const node = await start();
    expect((await ask(node, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ id: 'pending-messages', state: 'blocked' }]);
    rmSync(path.join(folder, 'worker.pid'));
    await repair(node, 'pending-messages');
    expect(database('9.0.0').get('SELECT status FROM pending_messages')).toBe('pending');
  });

  it('hold what was set aside, which is said', async () => {
    const made = database();
    made.insert('sync_dead_letter', { lane: 'content', queue_key: 'x', reason: 'observation.type is needed', created_at_epoch: 1 });
    closed(made);
    const node = await start();
    expect(await checksOf(node)).toMatchObject([
      { id: 'claude-mem.set-aside', result: 'warn', evidence: ['1: observation.type is needed'] },
    ]);
  });
});

it('rows that stand there twice are removed, and no others', async () => {
  const made = database();
  made.session('s');
  for (let time = 0; time < 2; time += 1) {
    made.summary('s', 'do');
    made.prompt('s', 1, 'hello');
  }
  made.prompt('s', 1, 'another text');
  made.summary('s', 'do', { created_at_epoch: 5 });
  closed(made);
  const node = await start();
  expect(await checksOf(node)).toMatchObject([{ id: 'claude-mem.doubles', evidence: ['session_summaries: 1', 'user_prompts: 1'] }]);
  await ask(node, 'sync', {});
  await repair(node, 'doubles');
  await ask(node, 'sync', {});
  const mended = database();
  expect([mended.get('SELECT count(*) FROM user_prompts'), mended.get('SELECT count(*) FROM session_summaries')]).toEqual([2, 2]);
  mended.check();
});

it('a full-text index that lost touch with its rows is made anew', async () => {
  const made = database();
  made.session('s');
  made.observation('s', 'one');
  made.run('DROP TRIGGER observations_ai');
  made.observation('s', 'hidden');
  closed(made);
  const node = await start();
  expect(await checksOf(node)).toMatchObject([
    { id: 'claude-mem.full-text', evidence: ['observations: 1 rows are not in it, 0 are that are gone'] },
  ]);
  await repair(node, 'full-text');
  expect(database().get("SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'hidden'")).toBe(1);
});

it('a damaged database is named, and left alone', async () => {
  const made = database();
  made.session('s');
  for (let at = 0; at < 200; at += 1) made.observation('s', `row ${at} ${'x'.repeat(500)}`);
  closed(made);
  const bytes = readFileSync(file);
  bytes.fill(7, bytes.length - 40_000, bytes.length - 8_000);
  writeFileSync(file, bytes);
  const node = await start();
  expect(await checksOf(node)).toMatchObject([{ id: 'claude-mem.damage', result: 'fail', severity: 'high' }]);
  const { repairs } = await ask(node, 'claude-mem-repair', { apply: true });
  expect(repairs).toMatchObject([{ state: 'nothing', next: expect.stringContaining('move') as string }]);
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

it('doctor itself changes nothing', async () => {
  const made = database();
  made.session('s');
  made.prompt('s', 1, 'hello');
  made.prompt('s', 1, 'hello');
  closed(made);
  const node = await start();
  const before = readFileSync(file);
  await checksOf(node);
  await ask(node, 'claude-mem-repair', {});
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(existsSync(path.join(node.home.root, 'claude-mem-backups'))).toBe(false);
});
