import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { row, type WireOp } from '../gateways/claude-mem-ops.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { Machine, makeRoot } from './machine.ts';

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));

afterAll(async () => {
  await ana.kill();
  remove();
});

const KILLS = 3;

it('an acknowledged op survives kill -9, under its number and with its bytes; the next start goes on behind it', async () => {
  await ana.start();
  const { token } = await ana.ask<{ token: { token: string } }>(['claude-mem', 'serve', '--user', 'me']);
  const client = (): SyncClient => {
    const { address } = JSON.parse(readFileSync(path.join(ana.store, 'running.json'), 'utf8')) as { address: string };
    return createSyncClient({ url: `${address}/claude-mem`, token: token.token, user: 'me', device: 'device-a' });
  };
  const acked = new Map<string, string>();
  let local = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const worker = client();
    let isOver = false;
    const pushing = (async () => {
      while (!isOver) {
        const ops: WireOp[] = Array.from({ length: 20 }, () =>
          row('device-a', { local: String((local += 1)), payload: { title: `t${local}` } }),
        );
        const answer = await worker.push(ops).catch(() => null);
        if (answer === null) return;
        expect(answer.status).toBe(200);
        for (const { operation_sha256: hash, seq } of answer.body['acked'] as { operation_sha256: string; seq: string }[])
          acked.set(hash, seq);
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 400 + kill * 333));
    await ana.kill();
    isOver = true;
    await pushing;
    await ana.start();
  }
  expect(acked.size).toBeGreaterThan(60);
  const served = new Map<string, string>();
  for (let since = '0'; ;) {
    const { body } = await client().changes(since);
    const ops = body['ops'] as { seq: string; operation_sha256: string }[];
    for (const { seq, operation_sha256: hash } of ops) {
      expect(seq).toBe(String(served.size + 1));
      served.set(hash, seq);
    }
    since = ops.at(-1)?.seq ?? since;
    if (body['more'] !== true) break;
  }
  for (const [hash, seq] of acked) expect(served.get(hash)).toBe(seq);
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
