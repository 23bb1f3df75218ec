import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { cell, connect, mem, runWorker, startBoth, titles } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/**
 * The database of a connected worker is deleted under it, before it sent what became of rows that it had sent: what a repair copies is all
 * that there is of that. No source carried these rows, so that only the feed knows which they are.
 */
let place: Place;
let ana: MemDatabase;
let bea: MemDatabase;
let nodes: { readonly ana: SatchelNode; readonly bea: SatchelNode };
let end: (() => Promise<unknown>) | undefined;
let say: (sql: string) => Promise<void>;

beforeEach(async () => {
  end = undefined;
  place = await Place.create();
  [ana, bea] = [await mem(place, 'ana'), await mem(place, 'bea')];
  nodes = await startBoth(place);
  const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', nodes.bea)), bea);
  await worker.pull();
  bea.session('s1');
  for (const title of ['one', 'two', 'three']) bea.observation('s1', title);
  bea.summary('s1', 'Do it');
  await worker.push();
  await expect.poll(() => [titles(ana), ana.get('select request from session_summaries')]).toEqual([['one', 'three', 'two'], 'Do it']);
  bea.close();
  const held = spawn(process.execPath, [fileURLToPath(new URL('mem-holder.mjs', import.meta.url)), bea.file], { stdio: 'pipe' });
  const ended = once(held, 'exit');
  end = async () => {
    held.kill('SIGKILL');
    await ended;
  };
  const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
  await lines.next();
  say = async (sql) => {
    held.stdin.write(`sql ${sql}\n`);
    await lines.next();
  };
});
afterEach(async () => {
  await end?.();
  ana.close();
  await place.dispose();
});

/** Of the observations in bea's space. */
async function bodies(): Promise<string[]> {
  const { replica } = [...nodes.bea.spaces.values()][0]!;
  const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  const contents = states.flatMap(({ content }) => (content === null ? [] : [content]));
  return Promise.all(contents.map(async (content) => Buffer.from(await replica.bodies.read(content)).toString()));
}

async function rescue(): Promise<void> {
  for (const end of ['', '-wal', '-shm']) rmSync(`${bea.file}${end}`, { force: true });
  const { repairs } = await ask(nodes.bea, 'claude-mem-repair', { check: 'open-file', apply: true });
  expect(repairs).toMatchObject([{ state: 'done' }]);
}

describe.runIf(process.platform === 'linux')('a row that was sent, and edited before the database was deleted', () => {
  it('is one row still, told by other words or not', async () => {
    await say("UPDATE observations SET title = 'ONE', sync_rev = '2', synced_at = NULL WHERE title = 'one'");
    await say("UPDATE observations SET subtitle = 'of bea', sync_rev = '2', synced_at = NULL WHERE title = 'two'");
    await say("UPDATE session_summaries SET request = 'Do that', sync_rev = '2', synced_at = NULL");
    await rescue();
    await expect.poll(() => titles(ana)).toEqual(['ONE', 'three', 'two']);
    expect(cell(ana, 'subtitle', 'two')).toBe('of bea');
    expect(ana.sql.prepare('select request from session_summaries').pluck().all()).toEqual(['Do that']);
    expect((await ask(nodes.bea, 'conflicts', {})).conflicts).toEqual([]);
  });

  it('merges with what was edited elsewhere', async () => {
    ana.run("update observations set text = 'of ana', subtitle = 'of ana' where title in ('one', 'two')");
    await say("UPDATE observations SET title = 'ONE', sync_rev = '2', synced_at = NULL WHERE title = 'one'");
    await say("UPDATE observations SET subtitle = 'of bea', sync_rev = '2', synced_at = NULL WHERE title = 'two'");
    await expect.poll(async () => (await bodies()).filter((body) => body.includes('of ana')).length).toBe(2);
    await rescue();
    await expect.poll(() => titles(ana)).toEqual(['ONE', 'three', 'two']);
    expect([cell(ana, 'text', 'ONE'), cell(ana, 'subtitle', 'two'), cell(ana, 'text', 'two')]).toEqual(['of ana', 'of ana', 'of ana']);
    expect((await ask(nodes.bea, 'conflicts', {})).conflicts.map(({ columns }) => columns)).toEqual([['subtitle']]);
  });

  it('outlives that it was deleted elsewhere, and what was not edited stays deleted', async () => {
    await say("UPDATE observations SET title = 'ONE', sync_rev = '2', synced_at = NULL WHERE title = 'one'");
    ana.run("delete from observations where title in ('one', 'two')");
    await expect.poll(async () => (await bodies()).length).toBe(1);
    await rescue();
    await expect.poll(() => titles(ana)).toEqual(['ONE', 'three']);
    expect((await bodies()).length).toBe(2);
  });

  it('is another one where a number is another row’s, as in a database that was made anew', async () => {
    await say("UPDATE observations SET title = 'other', narrative = 'other', created_at_epoch = 5, synced_at = NULL WHERE title = 'one'");
    await rescue();
    await expect.poll(() => titles(ana)).toEqual(['one', 'other', 'three', 'two']);
  });
});
