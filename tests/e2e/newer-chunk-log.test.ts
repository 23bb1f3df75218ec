import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('a hub whose bucket has a log of bodies that a newer Satchel wrote on', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, program)) as [Machine, Machine];
  let store: S3Double;
  let hub: Machine;
  let port = '';
  let newer = '';

  const blobs = (): Map<string, Uint8Array> => store.buckets.get('bucket') as Map<string, Uint8Array>;
  const health = async (route: string): Promise<unknown> => {
    const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
    const answer = await fetch(`${address}${route}`);
    return [answer.status, await answer.json()];
  };
  const log = (): string => readFileSync(path.join(hub.store, 'node.log'), 'utf8');

  beforeAll(async () => {
    store = await startS3Double();
    hub = new Machine(root, 'hub', program, {
      SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
    });
    await hub.start(['up', '--hub', '--port', '0', '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    ana.write('CLAUDE.md', 'kept by a hub\n');
    await ana.start();
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    port = new URL(address).port;
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    const invited = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', invited.link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'kept by a hub\n');
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((machine) => machine.kill()));
    await store.close();
    remove();
  });

  /** An entry behind the last one, whole, and of a type that this version does not know. */
  function writeNewer(): void {
    const last =
      [...blobs().keys()]
        .filter((name) => name.includes('/log/'))
        .toSorted()
        .at(-1) ?? '';
    const whole = Buffer.from(blobs().get(last) ?? Buffer.of());
    const end = 12 + whole.readUInt32BE(8);
    const bytes = Buffer.from(whole.subarray(0, end + 32));
    bytes.set(Buffer.from('pUt'), bytes.indexOf('put'));
    bytes.set(createHash('sha256').update(bytes.subarray(0, end)).digest(), end);
    const at = last.lastIndexOf('/') + 1;
    newer = `${last.slice(0, at)}${String(Number(last.slice(at)) + 1).padStart(16, '0')}`;
    blobs().set(newer, bytes);
  }

  it('says of which space, and that it is to be updated, to all who ask how it is; and goes on by itself', async () => {
    writeNewer();
    await hub.stop();
    await hub.start(['up', '--port', port]);
    // Before anybody asks for a body, doctor looks.
    const doctor = await hub.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/FAIL store\.bodies[^]*encrypted bodies of 1 space are[^]*Update Satchel on this hub/) as string,
    ]);
    expect(await health('/healthz')).toEqual([200, { status: 'degraded', away: ['some-bodies'] }]);
    expect(await health('/readyz')).toMatchObject([
      503,
      { error: { code: 'unavailable', message: expect.stringMatching(/bodies of some spaces/) as string } },
    ]);
    const status = await hub.runAsking(['status', '--hub']);
    expect([status.code, status.stdout]).toEqual([
      1,
      expect.stringMatching(/Not well: encrypted bodies of 1 space[^]*Update Satchel on this hub/) as string,
    ]);
    expect((await hub.ask<HubStatus>(['status', '--hub'])).store).toMatchObject({ problem: null, bucket_problem: null, stopped_spaces: 1 });
    expect((await hub.runAsking(['status'])).stdout).toMatch(/encrypted bodies of 1 space.*Update Satchel on this hub/);
    expect(log()).toContain('the log of encrypted bodies of a space cannot be read on');

    ana.write('rules/waits.md', 'written while the hub was too old\n');
    await until('ana says so', async () => (await ana.runAsking(['status'])).stdout.includes('Not syncing'));
    blobs().delete(newer);
    await until('it arrives', () => bea.read('rules/waits.md') === 'written while the hub was too old\n');
    expect(await health('/readyz')).toEqual([200, { status: 'ok' }]);
    expect((await hub.runAsking(['doctor'])).stdout).not.toContain('FAIL store.');
    expect(log()).toContain('the log of encrypted bodies of a space is read on');
    await editsTravel(ana, bea, 'after that');
  });
});
