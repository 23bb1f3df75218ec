import { existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyUnusable } from '../../src/node/claude-mem/why-unusable.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { mem, startBoth } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** ana's database has lost a table, which its worker does not make again: its schema_versions say that it is there. */
let place: Place;
let ana: MemDatabase;
let bea: MemDatabase;
let node: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  [ana, bea] = [await mem(place, 'ana'), await mem(place, 'bea')];
  ({ ana: node } = await startBoth(place));
  ana.session('s1');
  ana.observation('s1', 'one');
  ana.prompt('s1', 1, 'hello');
  await expect.poll(() => prompts(bea)).toEqual(['hello']);
  await place.stop('ana');
  ana.run('drop table user_prompts');
  node = await place.start('ana');
});
afterEach(async () => {
  for (const each of [ana, bea]) each.sql.close();
  await place.dispose();
});

const prompts = (of: MemDatabase): unknown[] => of.sql.prepare('select prompt_text from user_prompts').pluck().all();
const failed = async () =>
  (await ask(node, 'doctor', {})).checks.filter(({ id, result }) => id.startsWith('claude-mem') && result === 'fail');

it('is named by doctor, stays with all others, refuses connect, and is there again as doctor advises', async () => {
  expect(await failed()).toMatchObject([
    {
      id: 'claude-mem.missing-table',
      reason: 'claude-mem’s database lacks a table that it says it has: its worker fails on it',
      evidence: ['user_prompts'],
      next_step: expect.stringMatching(/move claude-mem\.db .* away, start it again, and answer satchel pending with reject/),
    },
  ]);
  expect(whyUnusable(ana.file)).toMatchObject({ type: 'unknown-schema', reason: expect.stringContaining('lacks the table user_prompts') });
  expect((await ask(node, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ id: 'missing-table', state: 'nothing' }]);
  expect(prompts(bea)).toEqual(['hello']);

  ana.sql.close();
  const aside = path.join(place.root, 'aside');
  mkdirSync(aside);
  for (const end of ['', '-wal', '-shm'])
    if (existsSync(ana.file + end)) renameSync(ana.file + end, path.join(aside, `claude-mem.db${end}`));
  ana = await mem(place, 'ana');
  const waiting = async () => (await ask(node, 'pending', {})).pending.map(({ id }) => id);
  await expect.poll(waiting).toHaveLength(1);
  await ask(node, 'answer-pending', { answer: 'reject', ids: await waiting() });
  await expect.poll(() => prompts(ana)).toEqual(['hello']);
  expect([prompts(bea), await failed()]).toEqual([['hello'], []]);
});
