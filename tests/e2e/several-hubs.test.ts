import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row } from '../gateways/claude-mem-ops.ts';
import { startBalancer, type Balancer } from './balancer.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('several hubs on one database', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let server: PostgresServer;
  let database: TestDatabase;
  let balancer: Balancer;
  const hubs: Machine[] = [];
  const [ana, bea] = [new Machine(root, 'ana', program), new Machine(root, 'bea', program)];

  /** One more, with the keys of the first. */
  function makeHub(name: string): Machine {
    const hub = new Machine(root, name, program, { SATCHEL_STORE: database.url, SATCHEL_STORE_PASSWORD: database.password });
    mkdirSync(hub.store, { mode: 0o700 });
    const config = { hub: true, publicUrl: `http://127.0.0.1:${balancer.port}` };
    writeFileSync(path.join(hub.store, 'config.json'), JSON.stringify(config), { mode: 0o600 });
    if (hubs[0] !== undefined) cpSync(path.join(hubs[0].store, 'keys'), path.join(hub.store, 'keys'), { recursive: true });
    hubs.push(hub);
    return hub;
  }

  const portOf = (hub: Machine): number => {
    const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
    return Number(new URL(address).port);
  };

  async function startHub(hub: Machine): Promise<void> {
    await hub.start(['up', '--port', '0']);
    balancer.targets = [...balancer.targets, portOf(hub)];
  }

  /** Leaves the balance first, as in a rolling restart, unless it is killed. */
  async function stopHub(hub: Machine, signal: NodeJS.Signals): Promise<void> {
    const port = portOf(hub);
    if (signal === 'SIGTERM') balancer.targets = balancer.targets.filter((each) => each !== port);
    await hub.stop(signal);
    balancer.targets = balancer.targets.filter((each) => each !== port);
  }

  beforeAll(async () => {
    server = await startPostgres({ isDurable: true });
    database = await server.createDatabase();
    balancer = await startBalancer();
    await startHub(makeHub('hub-1'));
    await startHub(makeHub('hub-2'));
    const { link } = await (hubs[0] as Machine).ask<{ link: string }>(['invite', '--hub']);
    ana.write('CLAUDE.md', 'at home\n');
    await ana.start();
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect(address).toBe(`http://127.0.0.1:${balancer.port}`);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    const invited = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', invited.link, '--name', 'bea', '--yes']);
  });
  afterAll(async () => {
    await Promise.all([...hubs, ana, bea].map((machine) => machine.kill()));
    await balancer.close();
    await server.dispose();
    remove();
  });

  it('carry one space, whichever of them a connection goes to', async () => {
    await editsTravel(ana, bea, 'the first words');
    for (const hub of hubs) {
      expect(balancer.taken.get(portOf(hub))).toBeGreaterThan(0);
      expect(await hub.ask(['status'])).toMatchObject({ keeps: [{ machines: 2 }] });
    }
  });

  it('serve no mneme, and say where to', async () => {
    const hub = hubs[0] as Machine;
    for (const args of [['serve', '--name', 'laptop'], ['serve'], ['connect'], ['import']]) {
      const { code, stderr } = await hub.run(['mneme', ...args]);
      expect([code, stderr]).toEqual([5, expect.stringMatching(/other hubs may share[^]*Serve mneme from a work machine/)]);
    }
    expect(await hub.ask(['mneme', 'status'])).toMatchObject({ enabled: false, tokens: [] });
  });

  it('take what claude-mem’s workers push at any of them, and tell those that listen at another', async () => {
    const token = (await (hubs[0] as Machine).run(['claude-mem', 'serve', '--user', 'ada', '--name', 'laptop'])).stdout.trim();
    const clientAt = (hub: Machine, device: string): SyncClient =>
      createSyncClient({ url: `http://127.0.0.1:${portOf(hub)}/claude-mem`, token, user: 'ada', device });
    const [one, other] = hubs.map((hub, n) => clientAt(hub, `device-${n}`)) as [SyncClient, SyncClient];
    const listening = await Promise.all([one.socket(), other.socket()]);
    for (const local of ['1', '2', '3'])
      for (const client of [one, other]) expect((await client.push([row(client.device, { local })])).status).toBe(200);
    // Each of the other's last op, which is the fifth or the sixth.
    for (const { frames } of listening) await until('it is told', () => frames.some((frame) => /"(head_)?seq":"[56]"/.test(frame)));
    for (const client of [one, other]) expect((await client.changes()).body).toMatchObject({ head_seq: '6' });
    for (const { socket } of listening) socket.terminate();
  });

  it('refuse another hub, whose key no client knows', async () => {
    const stranger = new Machine(root, 'stranger', program, { SATCHEL_STORE: database.url, SATCHEL_STORE_PASSWORD: database.password });
    const { code, stderr } = await stranger.run(['up', '--hub', '--port', '0']);
    expect(code).toBe(5);
    expect(stderr).toContain('copy that hub’s keys folder');
    await stranger.kill();
  });

  it('lose nothing when one is killed in the midst of syncs, and another begins', async () => {
    await startHub(makeHub('hub-3'));
    for (const [round, hub] of hubs.entries()) {
      for (let n = 0; n < 5; n++) ana.write(`rules/kill-${round}-${n}.md`, `round ${round}, file ${n}\n`);
      await stopHub(hub, 'SIGKILL');
      for (let n = 5; n < 8; n++) bea.write(`rules/kill-${round}-${n}.md`, `round ${round}, file ${n}\n`);
      await until(`round ${round} is everywhere`, () =>
        Array.from({ length: 8 }, (_, n) => n).every((n) => {
          const text = `round ${round}, file ${n}\n`;
          return ana.read(`rules/kill-${round}-${n}.md`) === text && bea.read(`rules/kill-${round}-${n}.md`) === text;
        }),
      );
      await startHub(hub);
    }
  });

  it('are restarted one after the other, and nobody is cut off', async () => {
    for (const hub of hubs) {
      await stopHub(hub, 'SIGTERM');
      await editsTravel(ana, bea, `without ${hub.name}`);
      await startHub(hub);
    }
    await editsTravel(ana, bea, 'all are back');
    expect((await ana.runAsking(['status'])).code).toBe(0);
  });

  it('come back when the database does, and clients with them', async () => {
    await server.crash();
    ana.write('rules/outage.md', 'written while the database was away\n');
    await until('ana says so', async () => (await ana.runAsking(['status'])).stdout.startsWith('Not syncing'));
    const away = await (hubs[0] as Machine).runAsking(['status', '--hub']);
    expect([away.code, away.stdout.split('\n')[0]]).toEqual([1, expect.stringContaining('does not answer')]);
    await server.start();
    await until('bea has it', () => bea.read('rules/outage.md') !== null);
    for (const hub of hubs) expect(hub.output).not.toContain('MaxListenersExceededWarning');
    await editsTravel(ana, bea, 'after the outage');
    for (const hub of hubs) {
      const status = await hub.ask(['status', '--hub']);
      expect(status).toMatchObject({
        store: { type: 'postgres', problem: null, bytes: expect.any(Number) },
        spaces: { count: 1, machines: 2 },
      });
    }
  });

  it('have it sound, and nothing twice', async () => {
    const verified = await (hubs[0] as Machine).ask<{ sound: boolean }>(['store', 'verify', '--read-data']);
    expect(verified.sound).toBe(true);
    expect((await ana.ask<{ sound: boolean }>(['store', 'verify', '--full'])).sound).toBe(true);
  });
});
