import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { Machine, makeRoot, until } from './machine.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

let place: ReturnType<typeof makeRoot>;
let hub: Machine;
let ana: Machine;
let disk: SmallDisk | null;
let address = '';
beforeEach(async () => {
  place = makeRoot();
  [hub, ana] = ['hub', 'ana'].map((name) => new Machine(place.root, name, inject('program'))) as [Machine, Machine];
  disk = mountSmallDisk(hub.store, 48);
  await hub.start(['up', '--hub', '--port', '0']);
  const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
  ana.write('CLAUDE.md', 'kept by a hub\n');
  await ana.start();
  ({ address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link));
  expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
});
afterEach(async () => {
  for (const machine of [ana, hub]) await machine.kill();
  disk?.remove();
  place.remove();
});

async function health(route: string): Promise<unknown> {
  const answer = await fetch(`${address}${route}`);
  return [answer.status, await answer.json()];
}

const hubStatus = (): Promise<HubStatus> => hub.ask<HubStatus>(['status', '--hub']);
const room = ({ checks }: HubStatus): unknown[] =>
  checks.filter(({ id }) => id === 'disk.space').map(({ result, reason }) => [result, reason]);

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a hub whose disk is full', () => {
  it('says so to machines, on its terminal, in its log and to who asks how it is; when there is room, all goes on', async () => {
    // Little room is not none.
    expect(room(await hubStatus())).toEqual([['warn', expect.stringMatching(/^only \d+ MiB are free/)]]);
    expect((await hub.runAsking(['status', '--hub'])).code).toBe(0);
    expect((await hub.runAsking(['doctor'])).stdout).not.toContain('is full');
    expect(await health('/healthz')).toEqual([200, { status: 'ok' }]);

    disk?.fill();
    const body = randomBytes(600_000).toString('hex');
    ana.write('plans/large.md', `${body}\n`);
    await until('ana says so', async () => (await ana.ask<{ verdict: string }>(['status'])).verdict.includes('disk of this hub is full'));
    const synced = await ana.runAsking(['sync']);
    expect(synced.code).toBe(4);
    expect(synced.stderr).toMatch(/the disk of this hub is full: it takes nothing new/);
    expect(synced.stderr).not.toMatch(/internal|within reach/);
    expect(synced.stderr).toMatch(/Make room there/);
    expect((await ana.runAsking(['doctor'])).stdout).toMatch(/disk of this hub is full.*\n.*Make room there/);

    await until('its terminal says so', () => hub.output.includes('is full: nothing new is taken'));
    expect(hub.output).toContain('Make room');
    expect(await health('/healthz')).toEqual([200, { status: 'degraded', away: ['room'] }]);
    expect(await health('/readyz')).toEqual([
      503,
      { error: { code: 'unavailable', message: expect.stringContaining('the disk of this hub is full') as string } },
    ]);
    expect(room(await hubStatus())).toEqual([['fail', expect.stringMatching(/the disk of .* is full: nothing new is taken/)]]);
    expect((await hub.runAsking(['status', '--hub'])).code).toBe(1);
    expect((await hub.runAsking(['status'])).stdout).toContain('is full');
    expect((await hub.runAsking(['doctor'])).stdout.match(/is full/g)).toHaveLength(1);

    disk?.makeRoom();
    await until('the hub has it', async () => (await ana.ask<{ in_sync: boolean }>(['status'])).in_sync);
    await until('it says that there is room', () => hub.output.includes('There is room again'));
    expect(await health('/readyz')).toEqual([200, { status: 'ok' }]);
    const log = readFileSync(path.join(hub.store, 'node.log'), 'utf8');
    expect(log).toContain('there is room again');
    expect(log).not.toContain('a request met a bug or a failing store');
    expect((await hub.run(['store', 'verify', '--full'])).code).toBe(0);
  });

  it('writes no backup there, and says why', async () => {
    disk?.fill();
    const { code, stderr } = await hub.run(['store', 'backup', path.join(hub.store, 'hub.backup'), '--to', RECIPIENT]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/the disk of .* is full: no backup was written\n.*Make room/)]);
    const small = mountSmallDisk(path.join(place.root, 'small'), 1);
    try {
      disk?.makeRoom();
      small?.fill();
      const elsewhere = await hub.run(['store', 'backup', path.join(place.root, 'small', 'hub.backup'), '--to', RECIPIENT]);
      expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringMatching(/the disk of .*small is full: no backup was written/)]);
      expect(await health('/healthz')).toEqual([200, { status: 'ok' }]);
    } finally {
      small?.remove();
    }
  });
});
