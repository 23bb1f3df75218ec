import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { MemDatabase } from '../sources/mem-database.ts';
import { Machine, makeRoot } from './machine.ts';

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));
afterAll(async () => {
  await ana.kill();
  remove();
});

const KILLS = 8;
const ROWS = 400;

interface Repairs {
  readonly repairs: readonly { readonly id: string; readonly state: string; readonly backup: string | null }[];
}

it('a repair that is killed at any point is finished by the next, and loses nothing', async () => {
  await ana.start();
  await ana.stop();
  const folder = path.join(ana.home, '.claude-mem');
  mkdirSync(folder, { recursive: true });
  const settings = path.join(folder, 'settings.json');
  writeFileSync(settings, JSON.stringify({ CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'mine', CLAUDE_MEM_MODEL: 'x' }));
  const file = path.join(folder, 'claude-mem.db');
  const made = new MemDatabase(file, '13.25.3');
  made.session('s');
  made.run('DROP TRIGGER observations_ai');
  for (let at = 0; at < ROWS; at += 1) {
    made.observation('s', `row ${at}`);
    for (let time = 0; time < 2; time += 1) made.prompt('s', at, `text ${at}`);
    const op = {
      entity_id: `observation:${at}`,
      kind: 'observation',
      origin_local_id: String(at + 1),
      entity_rev: '1',
      created_at_epoch: 1,
    };
    made.insert('sync_content_outbox', { ...op, body: JSON.stringify({ origin_device_id: 'theirs' }), operation_sha256: 'x' });
  }
  made.run('ALTER TABLE observations DROP COLUMN generated_by_model');
  made.close();
  expect((await ana.ask<Repairs>(['claude-mem', 'repair'])).repairs.map(({ id, state }) => [id, state])).toEqual([
    ['schema', 'would'],
    ['full-text', 'would'],
    ['queue', 'would'],
    ['doubles', 'would'],
  ]);
  expect((await ana.ask<Repairs>(['claude-mem', 'repair', 'queue', '--yes'])).repairs).toMatchObject([{ state: 'blocked' }]);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const repair = spawn(process.execPath, [ana.program, 'claude-mem', 'repair', '--yes'], { env: ana.env, stdio: 'ignore' });
    const ended = once(repair, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 300 + kill * 90));
    repair.kill('SIGKILL');
    await ended;
  }
  const { repairs } = await ana.ask<Repairs>(['claude-mem', 'repair', '--yes']);
  for (const { state, backup } of repairs) expect([state, backup !== null && existsSync(backup)]).toEqual(['done', true]);
  expect(await ana.ask<Repairs>(['claude-mem', 'repair'])).toEqual({ repairs: [] });
  const mended = new MemDatabase(file, '13.25.3');
  mended.check();
  const count = (sql: string): number => mended.get<number>(sql);
  expect(count('SELECT count(*) FROM observations')).toBe(ROWS);
  expect(count('SELECT count(*) FROM user_prompts')).toBe(ROWS);
  expect(count("SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'row'")).toBe(ROWS);
  expect(count('SELECT count(*) FROM sync_content_outbox')).toBe(0);
  expect(mended.columns('observations')).toContain('generated_by_model');
  mended.close();
  expect(JSON.parse(readFileSync(settings, 'utf8'))).toEqual({ CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'mine', CLAUDE_MEM_MODEL: 'x' });
});

it('a repair says by its exit that something was found which no program can repair', async () => {
  const file = path.join(ana.home, '.claude-mem', 'claude-mem.db');
  expect((await ana.run(['claude-mem', 'repair'])).code).toBe(0);
  const bytes = readFileSync(file);
  bytes.fill(7, bytes.length - 40_000, bytes.length - 8_000);
  writeFileSync(file, bytes);
  for (const args of [[], ['--yes'], ['damage', '--yes']]) {
    const said = await ana.run(['claude-mem', 'repair', ...args]);
    expect([said.code, said.stdout]).toEqual([1, expect.stringContaining('damage: claude-mem’s database is damaged')]);
  }
});
