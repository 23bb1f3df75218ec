import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';

const USUAL = 4600;

/** Another user of this machine has the port; or already had, before us. */
async function take(port: number): Promise<Server> {
  const server = createServer((socket) => socket.resume());
  server.listen(port, '127.0.0.1');
  await Promise.race([once(server, 'listening'), once(server, 'error')]).catch(() => undefined);
  return server;
}

describe('where another program has the port', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'));
  const [bea, cem] = ['bea', 'cem'].map((name) => new Machine(root, name, inject('program'), { SATCHEL_PORT: '' })) as [Machine, Machine];
  const portOf = (machine: Machine): unknown =>
    (JSON.parse(readFileSync(path.join(machine.store, 'config.json'), 'utf8')) as { port?: unknown }).port;
  let other: Server;

  beforeAll(async () => {
    other = await take(USUAL);
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea, cem].map((machine) => machine.kill()));
    other.close();
    remove();
  });

  it('joins at the next free one, says so, and is there again later', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    const port = Number(/Port 4600 is taken by another program: this node listens on (\d+) from now on/.exec(bea.output)?.[1]);
    expect(port).toBeGreaterThan(USUAL);
    expect(portOf(bea)).toBe(port);
    await bea.stop();
    await bea.start(['up']);
    expect(bea.output).toContain(`at http://127.0.0.1:${port}`);
  });

  it('joins at the one that is asked for, and refuses one that is taken before it uses up the link', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    const probe = await take(0);
    const { port } = probe.address() as AddressInfo;
    const refused = await cem.run(['join', link, '--port', `${port}`]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/is taken by another program\s+Choose another: the same with --port \d+/),
    ]);
    expect(existsSync(cem.store)).toBe(false);
    probe.close();
    await once(probe, 'close');
    await cem.start(['join', link, '--name', 'cem', '--port', `${port}`]);
    expect(portOf(cem)).toBe(port);
    const running = await cem.run(['join', link, '--port', '4777']);
    expect([running.code, running.stderr]).toEqual([2, expect.stringContaining('--port is for one that begins')]);
  });

  it('up says of another port than the usual one that it is for this time', async () => {
    await cem.stop();
    const usual = Number(portOf(cem));
    const probe = await take(0);
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    await cem.start(['up', '--port', `${port}`]);
    expect(cem.output).toContain(`Port ${port} is for this time: without --port the next start takes ${usual}, where`);
    expect(portOf(cem)).toBe(usual);
    await cem.stop();
    await cem.start(['up', '--port', `${usual}`]);
    expect(cem.output).not.toContain('for this time');
  });

  it('is said where claude-mem’s settings name another port than the node listens on', async () => {
    await cem.stop();
    const usual = Number(portOf(cem));
    const { stdout, stderr } = await cem.run(['claude-mem', 'connect']);
    expect(stdout).toContain(`http://127.0.0.1:${usual}/claude-mem`);
    expect(stderr).toContain(`Port ${usual} is what config.json says: of a node that is started with another --port it is not known`);
    const probe = await take(0);
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    await cem.start(['up', '--port', `${port}`]);
    const wrong = `claude-mem’s settings name http://127.0.0.1:${usual}/claude-mem, and this node listens at http://127.0.0.1:${port}`;
    expect(cem.output).toContain(wrong);
    expect((await cem.runAsking(['status'])).stdout).toContain(
      `Not syncing: what claude-mem saves is not taken: ${wrong}. Run: satchel claude-mem connect`,
    );
    expect((await cem.runAsking(['doctor'])).stdout).toContain(wrong);
    await cem.run(['claude-mem', 'connect']);
    expect((await cem.runAsking(['status'])).stdout).not.toContain('claude-mem');
    await cem.stop();
    await cem.run(['claude-mem', 'disconnect']);
    await cem.start(['up', '--port', `${usual}`]);
    expect(cem.output).not.toContain('claude-mem');
  });

  it('names what stands there, a port that is free, and all that was given besides', async () => {
    const taken = new URL((JSON.parse(readFileSync(path.join(ana.store, 'running.json'), 'utf8')) as { address: string }).address).port;
    const hub = new Machine(root, 'hub', inject('program'));
    const refused = await hub.run(['up', '--hub', '--host', '0.0.0.0', '--port', taken]);
    const next =
      /taken by another Satchel node \(machine [0-9a-f]{8}\)\s+Choose another: satchel (up --host 0\.0\.0\.0 --port (\d+) --hub)\n/.exec(
        refused.stderr,
      );
    expect([refused.code, next]).toEqual([1, expect.anything()]);
    expect(next?.[2]).not.toBe(taken);
    await hub.start(next?.[1]?.split(' '));
    await hub.kill();
  });

  it('reads the link before it looks for a port', async () => {
    const refused = await new Machine(root, 'dan', inject('program')).run([
      'join',
      'http://127.0.0.1:1#satchel1.AAAA',
      '--port',
      `${USUAL}`,
    ]);
    expect(refused.stderr).toContain('damaged');
  });
});
