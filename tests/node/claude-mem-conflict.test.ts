import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { cell } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** Two machines that changed the title of one memory, each its own way, and one of them the subtitle as well. */
let place: Place;
let ana: SatchelNode;
let bea: SatchelNode;
let dbAna: MemDatabase;
let dbBea: MemDatabase;

async function database(machine: string): Promise<MemDatabase> {
  const folder = path.join(place.home(machine), '.claude-mem');
  await mkdir(folder, { recursive: true });
  return new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
}

const syncAll = async (): Promise<void> => {
  for (const node of [ana, bea, ana, bea]) await ask(node, 'sync', {});
};

const edit = (database: MemDatabase, set: string): unknown => database.run(`update observations set ${set}`);

beforeEach(async () => {
  place = await Place.create();
  [dbAna, dbBea] = [await database('ana'), await database('bea')];
  dbAna.session('s1');
  dbAna.observation('s1', 'first', { subtitle: 'old', facts: '["a"]' });
  ana = await place.start('ana', { live: false });
  await ana.ensurePersonalSpace();
  await ana.start();
  bea = await place.start('bea', { live: false });
  await ask(bea, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'bea', trust_own: true });
  await syncAll();
  edit(dbAna, `narrative = 'told by ana'`);
  await syncAll();
});
afterEach(async () => {
  for (const each of [dbAna, dbBea]) each.sql.close();
  await place.dispose();
});

/** Ana's are in place; bea's title is kept beside it. */
async function conflict() {
  edit(dbAna, `title = 'of ana', subtitle = 'new'`);
  await ask(ana, 'sync', {});
  edit(dbBea, `title = 'of bea', facts = '["a", "b"]'`);
  await syncAll();
  const { conflicts } = await ask(bea, 'conflicts', {});
  expect(conflicts).toHaveLength(1);
  return conflicts[0]!;
}

const shown = (of: MemDatabase): unknown[] =>
  ['title', 'subtitle', 'facts', 'narrative'].map((column) => of.get(`select ${column} from observations`));

it('is shown by its title, with the columns that differ', async () => {
  expect(await conflict()).toMatchObject({ title: 'of ana', columns: ['title'], lacks: null });
});

it('of the version that is taken, what the other machine changed elsewhere stays', async () => {
  const { item } = await conflict();
  expect(shown(dbBea)).toEqual(['of ana', 'new', '["a", "b"]', 'told by ana']);
  const plan = await ask(ana, 'resolve', { item, take: 'sibling', plan: true });
  expect(plan).toMatchObject({ columns: ['title'], lost: null, done: false });
  const taken = await ask(ana, 'resolve', { item, take: 'sibling' });
  expect(taken).toMatchObject({ settled: 1, left: 0, columns: ['title'], lost: null, done: true });
  await syncAll();
  for (const each of [dbAna, dbBea]) expect(shown(each)).toEqual(['of bea', 'new', '["a", "b"]', 'told by ana']);
});

it('so does what was changed since', async () => {
  const { item } = await conflict();
  edit(dbBea, `title = 'later', subtitle = 'newer'`);
  await syncAll();
  expect(await ask(bea, 'resolve', { item, take: 'sibling' })).toMatchObject({ columns: ['title'] });
  await syncAll();
  expect(shown(dbAna)).toEqual(['of bea', 'newer', '["a", "b"]', 'told by ana']);
  expect(cell(dbBea, 'subtitle', 'of bea')).toBe('newer');
});

const own = (body: unknown) => Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)).toString('base64');

it('of one’s own making is a row, and that row', async () => {
  const { item } = await conflict();
  const held = JSON.parse((await ask(ana, 'show', { item, raw: true })).body) as Record<string, unknown>;
  const given = (body: unknown) => ask(ana, 'resolve', { item, take: 'body', body: own(body), all: true });
  await expect(given('words, not a row')).rejects.toMatchObject({ kind: 'usage', type: 'no-row', next: expect.stringContaining('--raw') });
  await expect(given({ title: null })).rejects.toMatchObject({ kind: 'usage', type: 'no-row' });
  await expect(given({ title: 'of both' })).rejects.toMatchObject({ kind: 'usage', type: 'another-row' });
  expect((await ask(ana, 'conflicts', {})).conflicts).toHaveLength(1);
  expect(await given({ ...held, title: 'of both' })).toMatchObject({ settled: 1, left: 0, done: true });
  await syncAll();
  for (const each of [dbAna, dbBea]) expect(shown(each)).toEqual(['of both', 'new', '["a", "b"]', 'told by ana']);
});
