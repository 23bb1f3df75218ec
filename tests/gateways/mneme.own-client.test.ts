import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MnemeStatus } from '../../src/node/mneme/mneme-state.ts';
import { runHere } from '../e2e/run-here.ts';
import { ask } from '../node/place.ts';
import { MnemePlace } from './mneme-place.ts';

const BEFORE = '{"sync": {"serverUrl": "http://old:3847", "apiKey": "old"}, "model": "x"}';

describe('this machine’s own client', () => {
  let server: MnemePlace;
  let file: string;
  const run = (...words: string[]) => runHere(['mneme', ...words], server.place.home('ana'));
  const settings = (): { sync: Record<string, unknown> } => JSON.parse(readFileSync(file, 'utf8')) as { sync: Record<string, unknown> };
  const state = async (): Promise<MnemeStatus> => JSON.parse((await run('status', '--json')).stdout) as MnemeStatus;
  const doctor = async () => (await ask(server.node, 'doctor', {})).checks.filter(({ id }) => id === 'mneme.client');

  beforeAll(async () => {
    server = await MnemePlace.create();
    file = path.join(server.place.home('ana'), '.claude-mneme', 'config.json');
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, BEFORE);
    chmodSync(file, 0o644);
    expect(await run('connect')).toMatchObject({ code: 0, stderr: '' });
  });

  it('is shown, checked, and looked at without a change', async () => {
    expect(await state()).toMatchObject({ enabled: true, client: { installed: true, url: server.url, connected: 'here', problem: null } });
    expect(await doctor()).toMatchObject([{ result: 'ok' }]);
    const { stdout } = await run();
    expect(stdout).toContain(`syncs with ${server.url}, this node.`);
    expect(stdout).not.toContain(settings().sync['apiKey']);
    await run('disconnect');
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual([BEFORE, 0o644]);
    expect(await doctor()).toEqual([]);
  });

  it('is said to sync with nothing once the node listens elsewhere; `serve` leads it there', async () => {
    await server.restart(); // on another free port
    const { client } = await state();
    expect(client.problem).toContain(`serves mneme at ${server.url} now`);
    expect(await doctor()).toMatchObject([
      { result: 'fail', severity: 'medium', next_step: expect.stringContaining('mneme connect') as string },
    ]);
    expect((await ask(server.node, 'status', {})).mneme).toMatchObject({ client });
    const status = await runHere(['status'], server.place.home('ana'));
    expect(status.stdout).toContain('Nothing carries its files');
    const { sync } = settings();
    expect((await run('serve')).stdout).toContain(`syncs with ${server.url}, from its next session on`);
    expect(settings().sync).toEqual({ ...sync, serverUrl: server.url });
    expect(await doctor()).toMatchObject([{ result: 'ok' }]);
    await run('disconnect');
    expect(readFileSync(file, 'utf8')).toBe(BEFORE);
  });

  it('is disconnected by --off, which a look does not undo', async () => {
    const { stdout } = await run('serve', '--off');
    expect(stdout).toContain('mneme is not served.');
    expect(stdout).toContain('disconnected');
    expect(readFileSync(file, 'utf8')).toBe(BEFORE);
    expect(await doctor()).toEqual([]);
    expect(await state()).toMatchObject({ enabled: false, listening: false });
    expect((await run()).stdout).toContain('mneme is not served.');
    expect(server.node.mneme.address).toBeNull();
    expect((await ask(server.node, 'status', {})).mneme).toBeNull();
    await run('serve');
    expect(server.node.mneme.address).not.toBeNull();
  });

  it('is named where its token was taken back', async () => {
    const { tokens } = await state();
    const own = tokens.find(({ name }) => name === 'this machine');
    const { stdout } = await run('serve', '--revoke', own?.id ?? '');
    expect(stdout).toContain('Took back the token of this machine.');
    expect(stdout).toContain('its token was taken back');
    expect(await doctor()).toMatchObject([{ result: 'fail' }]);
    expect(await run('connect')).toMatchObject({ code: 0 });
    expect(await doctor()).toMatchObject([{ result: 'ok' }]);
    await run('disconnect');
  });

  it('keeps another server that was put in since, without the key that connect wrote, and says so', async () => {
    const now = settings();
    writeFileSync(file, JSON.stringify({ ...now, sync: { ...now.sync, serverUrl: 'http://other:3847' } }));
    const { stdout } = await run('disconnect');
    expect(settings().sync).toEqual({ enabled: true, serverUrl: 'http://other:3847' });
    const kept = path.join(server.node.home.root, 'mneme-connection.json.undone');
    expect(stdout).toContain('serverUrl');
    expect(stdout).toContain(kept);
    expect(readFileSync(kept, 'utf8')).toContain('http://old:3847');
    rmSync(file);
  });

  it('is not there, and said so', async () => {
    await run('disconnect');
    rmSync(path.dirname(file), { recursive: true });
    const { code, stderr } = await run('connect');
    expect([code, stderr]).toEqual([0, expect.stringContaining('claude-mneme has not run here')]);
    await run('disconnect');
    expect(existsSync(path.dirname(file))).toBe(false);
  });

  it('a port that another program has changes nothing', async () => {
    const other = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { code, stderr } = await run('serve', '--port', `${(other.address() as AddressInfo).port}`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('is taken by another program')]);
    expect(await state()).toMatchObject({ listening: true, problem: null });
    await run('serve', '--off');
    expect((await run('serve', '--port', `${(other.address() as AddressInfo).port}`)).code).toBe(1);
    await new Promise((resolve) => other.close(resolve));
    expect(await state()).toMatchObject({ enabled: false, problem: null });
    expect((await ask(server.node, 'doctor', {})).checks.filter(({ id }) => id.startsWith('mneme.'))).toEqual([]);
    await run('serve');
  });

  it('a lock with a long name is shown cut, and released by what is shown', async () => {
    const projects = [`/home/me/${'long/'.repeat(20)}a`, `/home/me/${'long/'.repeat(20)}ab`];
    for (const project of projects) await server.lock(project, 'client'.repeat(20));
    const leases = (...words: string[]) => runHere(['leases', ...words], server.place.home('ana'));
    const { stdout } = await leases();
    const [, ...lines] = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.length).toBeLessThan(130);
    const shown = lines.map((line) => line.split('  ')[0] ?? '');
    expect(shown.every((name) => name.includes('…'))).toBe(true);
    for (const name of shown) expect((await leases('release', name)).code).toBe(0);
    expect(await leases('release', shown[0] ?? '')).toMatchObject({ code: 2 });
  });

  it('two tokens have two names', async () => {
    expect((await run('serve', '--name', 'twice')).code).toBe(0);
    const { code, stderr } = await run('serve', '--name', 'twice');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--revoke')]);
    expect((await state()).tokens.filter(({ name }) => name === 'twice')).toHaveLength(1);
    await run('disconnect');
  });
});
