import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { cell, connect, mem, runWorker, startBoth, titles } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

let place: Place;
let databases: MemDatabase[] = [];

afterEach(async () => {
  for (const each of databases) each.sql.close();
  await place.dispose();
});

/** As somebody leaves settings.json who edits it by hand: which device its worker is cannot be told. */
it('connect and disconnect refuse settings that are no JSON before a row is marked, and what others edit still comes', async () => {
  place = await Place.create();
  const [ana, bea] = (databases = [await mem(place, 'ana'), await mem(place, 'bea')]) as [MemDatabase, MemDatabase];
  bea.session('s1');
  bea.observation('s1', 'b0');
  const nodes = await startBoth(place);
  await expect.poll(() => titles(ana)).toEqual(['b0']);
  const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', nodes.bea)), bea);
  await worker.pull();
  bea.observation('s1', 'b1', { created_at_epoch: 1_760_000_005_000 });
  await worker.push();
  await expect.poll(() => titles(ana)).toEqual(['b0', 'b1']);

  const file = path.join(place.home('bea'), '.claude-mem', 'settings.json');
  const settings = await readFile(file, 'utf8');
  await writeFile(file, settings.slice(0, -3));
  const refusal = { kind: 'usage', type: 'bad-settings', message: expect.stringContaining('left alone: it is not JSON') as string };
  await expect(ask(nodes.bea, 'claude-mem-reconnecting', { to: { own: 'me' } })).rejects.toMatchObject(refusal);
  await expect(ask(nodes.bea, 'claude-mem-reconnecting', {})).rejects.toMatchObject(refusal);
  await expect(ask(nodes.bea, 'claude-mem-import', {})).rejects.toMatchObject(refusal);
  expect(await ask(nodes.bea, 'claude-mem-reconnected', {})).toMatchObject({
    marked: 0,
    unmarked: expect.stringContaining('not JSON') as string,
  });
  expect([cell(bea, 'origin_device_id', 'b0'), cell(bea, 'origin_device_id', 'b1')]).toEqual([null, null]);

  await writeFile(file, settings);
  ana.run("UPDATE observations SET narrative = 'edited' WHERE title = 'b1'");
  await expect.poll(() => cell(bea, 'narrative', 'b1')).toBe('edited');
});
