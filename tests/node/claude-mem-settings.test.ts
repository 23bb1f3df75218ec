import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Check } from '../../src/node/doctor/check.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

let place: Place;
let settings: string;

beforeEach(async () => {
  place = await Place.create();
  settings = path.join(place.home('a'), '.claude-mem', 'settings.json');
  await mkdir(path.dirname(settings), { recursive: true });
  const database = new MemDatabase(path.join(path.dirname(settings), 'claude-mem.db'), '13.25.3');
  database.session('s1');
  database.close();
});
afterEach(() => place.dispose());

async function checks(): Promise<Check[]> {
  const node = await place.start('a');
  const { checks: all } = await ask(node, 'doctor', {});
  expect(all.find(({ id }) => id === 'source:claude-mem')).toMatchObject({ result: 'ok' });
  await place.stop('a');
  return all.filter(({ id }) => id.startsWith('claude-mem'));
}

it('settings that nobody can use are named by doctor, and stop neither the node nor what it carries', async () => {
  await writeFile(settings, '{"CLAUDE_MEM_MODEL":');
  expect(await checks()).toMatchObject([{ id: 'claude-mem.settings', result: 'warn', reason: expect.stringContaining('it is not JSON') }]);
  await rm(settings);
  await mkdir(settings);
  expect(await checks()).toMatchObject([{ id: 'claude-mem.settings', reason: expect.stringContaining('a folder stands in its place') }]);
  await rm(settings, { recursive: true });
  await writeFile(settings, '{"CLAUDE_MEM_MODEL": "x"}');
  expect(await checks()).toMatchObject([{ id: 'claude-mem', result: 'ok' }]);
});
