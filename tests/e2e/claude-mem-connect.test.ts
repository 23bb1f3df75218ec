import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createSyncClient } from '../gateways/claude-mem-client.ts';
import { Machine, makeRoot } from './machine.ts';

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));

beforeAll(() => ana.start());
afterAll(async () => {
  await ana.kill();
  remove();
});

it('connect and disconnect leave claude-mem’s settings as they were', async () => {
  const file = path.join(ana.home, '.claude-mem', 'settings.json');
  const before = '{\n  "CLAUDE_MEM_MODEL": "x"\n}\n';
  mkdirSync(path.dirname(file));
  writeFileSync(file, before);
  const { url, user } = await ana.ask<{ url: string; user: string }>(['claude-mem', 'connect']);
  const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  expect(settings).toMatchObject({ CLAUDE_MEM_MODEL: 'x', CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url });
  const worker = createSyncClient({ url, token: settings['CLAUDE_MEM_CLOUD_SYNC_TOKEN'] ?? '', user, device: 'd' });
  expect((await worker.status()).status).toBe(200);
  expect(await ana.ask(['claude-mem', 'disconnect'])).toEqual({ disconnected: true, file });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect((await worker.status()).status).toBe(401);
});
