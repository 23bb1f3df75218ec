import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { editsTravel } from '../e2e/edits-travel.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';
import { parseExposition, valueOf } from '../metrics/parse-exposition.ts';
import { DeployedHubs } from './deployed-hubs.ts';

/** Of `status --hub`. */
interface Stands {
  readonly live_listeners: number;
  readonly checks: readonly { readonly id: string; readonly result: string }[];
  readonly requests: { readonly failures: readonly unknown[] };
}

describe('two hubs behind the proxy of deploy/', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let deployed: DeployedHubs;
  let [ana, bea]: Machine[] = [];
  const both = (): [Machine, Machine] => [ana, bea] as [Machine, Machine];

  beforeAll(async () => {
    deployed = await DeployedHubs.start(root, program);
    [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, program, { NODE_EXTRA_CA_CERTS: deployed.authority }));
  });
  afterAll(async () => {
    await Promise.all(both().map((machine) => machine?.kill()));
    await deployed?.dispose();
    remove();
  });

  it('serve machines that know the public address alone', async () => {
    const [one, other] = both();
    const { link } = await deployed.onHub<{ link: string }>(1, ['invite', '--hub']);
    one.write('CLAUDE.md', 'at home\n');
    one.write('rules/large.md', 'a large one\n'.repeat(400_000));
    await one.start();
    const { address } = await one.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect(address).toBe(deployed.url);
    expect((await one.run(['spaces', 'move', 'personal', address])).code).toBe(0);
    const invited = await one.ask<{ link: string }>(['invite']);
    await other.start(['join', invited.link, '--name', 'bea', '--yes']);
    await until('bea has it', () => other.read('rules/large.md')?.length === 4_800_000);
    await editsTravel(one, other, 'the first words');
    expect([...(deployed.store.buckets.get('bucket')?.keys() ?? [])].length).toBeGreaterThan(0);
  });

  it('are asked for figures one by one, where nobody else gets, with the token', async () => {
    const { front, watch } = deployed.ports;
    const authorization = `Bearer ${deployed.secret('metrics-token')}`;
    expect((await deployed.ask(front, '/metrics', { authorization })).status).toBe(404);
    const requests = await Promise.all(
      [0, 1].map(async (at) => {
        expect((await deployed.ask(watch, `/hub-${at + 1}/metrics`)).status).toBe(401);
        const families = parseExposition(await deployed.figuresOf(at));
        expect(valueOf(families, 'satchel_build_info', { store: 'postgres', role: 'hub' })).toBe(1);
        expect(valueOf(families, 'satchel_store_size_bytes')).toBeGreaterThan(0);
        return valueOf(families, 'satchel_http_requests_total', { status: '200' });
      }),
    );
    expect(Math.min(...requests)).toBeGreaterThan(0);
    expect((await deployed.ask(watch, '/healthz')).status).toBe(404);
  });

  it('believe nothing that callers say of themselves', async () => {
    const { front } = deployed.ports;
    const made = { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'http', forwarded: 'for=192.0.2.1', 'x-real-ip': '192.0.2.1' };
    expect((await deployed.ask(front, '/v1/hub', made)).status).toBe(200);
    expect((await deployed.ask(front, '/v1/hub', { host: 'other.example.org' })).status).toBe(421);
  });

  it('are restarted one after the other, and nobody is cut off', async () => {
    const [one, other] = both();
    for (const at of [0, 1]) {
      await deployed.stopHub(at);
      expect(await deployed.healthOf(at)).toBe(1);
      await editsTravel(one, other, `without hub ${at + 1}`);
      await deployed.startHub(at);
    }
    await editsTravel(one, other, 'both are back');
    const stands = await Promise.all([0, 1].map((at) => deployed.onHub<Stands>(at, ['status', '--hub'])));
    const wrong = stands.flatMap(({ checks, requests }) => [...checks.filter(({ result }) => result === 'fail'), ...requests.failures]);
    expect(wrong).toEqual([]);
    expect(stands.reduce((sum, each) => sum + each.live_listeners, 0)).toBeGreaterThan(0);
    for (const { home } of deployed.hubs) expect(existsSync(path.join(home, 'store.db'))).toBe(false);
  });
});
