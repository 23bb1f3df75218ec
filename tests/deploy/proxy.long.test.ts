import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { editsTravel } from '../e2e/edits-travel.ts';
import { Machine, makeRoot, STUCK, until } from '../e2e/machine.ts';
import { parseExposition, valueOf } from '../metrics/parse-exposition.ts';
import { freePorts, startDaemon, stopDaemons, type Daemon } from '../services/daemon.ts';
import { ensureDebianPackages } from '../services/debian-packages.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';

const deploy = path.resolve(import.meta.dirname, '../../deploy');

/** Of `status --hub`. */
interface Stands {
  readonly live_listeners: number;
  readonly checks: readonly { readonly id: string; readonly result: string }[];
  readonly requests: { readonly failures: readonly unknown[] };
}

/** What deploy/ has, as far as it goes without containers: nginx with its configuration, hubs started by start.sh from secrets. */
describe('two hubs behind the proxy of deploy/', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const folder = path.join(root, 'deploy');
  const secrets = path.join(folder, 'secrets');
  const authority = path.join(secrets, 'tls.crt');
  const ports: number[] = [];
  const hubs: { readonly home: string; readonly port: number; process: ChildProcess | null; said: string }[] = [];
  const daemons: Daemon[] = [];
  let server: PostgresServer;
  let database: TestDatabase;
  let store: S3Double;
  let url = '';
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, program, { NODE_EXTRA_CA_CERTS: authority })) as [
    Machine,
    Machine,
  ];

  const secret = (name: string): string => readFileSync(path.join(secrets, name), 'utf8');
  const write = (name: string, text: string): void => writeFileSync(path.join(secrets, name), text, { mode: 0o400 });

  function prepare(): void {
    const made = spawnSync('sh', [path.join(deploy, 'prepare.sh'), url, folder], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    const certificate = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
    const files = ['-addext', 'subjectAltName=DNS:localhost', '-out', authority, '-keyout', path.join(secrets, 'tls.key')];
    const signed = spawnSync('openssl', ['req', ...certificate, ...files], { encoding: 'utf8' });
    if (signed.status !== 0) throw new Error(signed.stderr);
  }

  /** The places of this machine, in what is otherwise as it is deployed. */
  function configure(): void {
    const objects = `s3://bucket?endpoint=${store.endpoint}`;
    const config = JSON.parse(secret('config.json')) as Record<string, unknown>;
    const placed = { ...config, host: '127.0.0.1', proxies: ['127.0.0.1'], store: database.url, objects };
    spawnSync('chmod', ['-R', 'u+w', secrets]);
    write('config.json', JSON.stringify(placed));
    write('store-password', `${database.password}\n`);
    write('buckets.json', JSON.stringify({ [objects]: { accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey } }));
    const [front = 0, watch = 0, first = 0, second = 0] = ports;
    const nginx = readFileSync(path.join(deploy, 'nginx.conf'), 'utf8')
      .replaceAll('10.213.7.11:4600', `127.0.0.1:${first}`)
      .replaceAll('10.213.7.12:4600', `127.0.0.1:${second}`)
      .replace('listen 8443 ssl', `listen 127.0.0.1:${front} ssl`)
      .replace('listen 9464 ssl', `listen 127.0.0.1:${watch} ssl`)
      .replace(/\/(?:tmp\/|run\/secrets(?=\/))/g, (place) => (place === '/tmp/' ? `${folder}/` : secrets));
    writeFileSync(path.join(folder, 'nginx.conf'), nginx);
  }

  /** As the image has it: start.sh, and the program two folders above. */
  function install(): string {
    const app = path.join(folder, 'app');
    mkdirSync(path.join(app, 'deploy'), { recursive: true });
    cpSync(path.join(deploy, 'hub'), path.join(app, 'deploy', 'hub'), { recursive: true });
    symlinkSync(path.dirname(path.dirname(program)), path.join(app, 'dist'));
    return path.join(app, 'deploy', 'hub');
  }

  const hubEnv = (home: string, port: number): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: home,
    SATCHEL_HOME: home,
    SATCHEL_PORT: `${port}`,
  });
  /** Never synchronously: the hub would ask the double of this process meanwhile, and have no answer. */
  async function runOnHub(at: number, args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string }> {
    const { home, port } = hubs[at]!;
    const child = spawn(process.execPath, args, { env: hubEnv(home, port), stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout };
  }
  const healthOf = async (at: number): Promise<number | null> =>
    (await runOnHub(at, [path.join(folder, 'app/deploy/hub/healthcheck.mjs')])).code;

  async function startHub(at: number): Promise<void> {
    const hub = hubs[at]!;
    const child = spawn('sh', [path.join(folder, 'app/deploy/hub/start.sh'), secrets], {
      env: hubEnv(hub.home, hub.port),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    hub.said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (hub.said += part.toString()));
    hub.process = child;
    await until(`hub ${at + 1} is healthy`, async () => {
      if (child.exitCode !== null) throw new Error(`hub ${at + 1} ended: ${hub.said}`);
      return (await healthOf(at)) === 0;
    });
  }

  async function stopHub(at: number): Promise<void> {
    const { process: child } = hubs[at]!;
    hubs[at]!.process = null;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(hubs[at]!.said).not.toContain(STUCK);
  }

  beforeAll(async () => {
    ensureDebianPackages('nginx', ['nginx-light']);
    ports.push(...(await freePorts(4)));
    url = `https://localhost:${ports[0]}`;
    server = await startPostgres();
    database = await server.createDatabase();
    store = await startS3Double();
    prepare();
    configure();
    install();
    for (const [at, port] of ports.slice(2).entries()) {
      const home = path.join(folder, `hub-${at + 1}`);
      mkdirSync(home, { mode: 0o700 });
      // The volume that both mount.
      if (at > 0) symlinkSync(path.join(folder, 'hub-1', 'keys'), path.join(home, 'keys'));
      hubs.push({ home, port, process: null, said: '' });
    }
    await startHub(0);
    await startHub(1);
    const log = path.join(folder, 'nginx.log');
    daemons.push(startDaemon('nginx', ['-e', 'stderr', '-c', path.join(folder, 'nginx.conf'), '-g', 'daemon off;'], log));
    await until('nginx listens', async () => {
      if (daemons[0]?.child.exitCode !== null) throw new Error(readFileSync(log, 'utf8'));
      return (await ask(ports[0]!, '/healthz').catch(() => null))?.status === 200;
    });
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    await stopHub(0);
    await stopHub(1);
    await stopDaemons(daemons);
    await store.close();
    await server.dispose();
    remove();
  });

  function ask(port: number, route: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', servername: 'localhost', port, path: route, ca: readFileSync(authority), agent: false };
      const sent = request({ ...options, headers: { host: `localhost:${port}`, ...headers } }, (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  const onHub = async <T>(at: number, args: readonly string[]): Promise<T> =>
    JSON.parse((await runOnHub(at, [program, ...args, '--json'])).stdout) as T;

  it('serve machines that know the public address alone', async () => {
    const { link } = await onHub<{ link: string }>(1, ['invite', '--hub']);
    ana.write('CLAUDE.md', 'at home\n');
    ana.write('rules/large.md', 'a large one\n'.repeat(400_000));
    await ana.start();
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect(address).toBe(url);
    expect((await ana.run(['spaces', 'move', 'personal', url])).code).toBe(0);
    const invited = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', invited.link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('rules/large.md')?.length === 4_800_000);
    await editsTravel(ana, bea, 'the first words');
    expect([...(store.buckets.get('bucket')?.keys() ?? [])].length).toBeGreaterThan(0);
  });

  it('are asked for figures one by one, where nobody else gets, with the token', async () => {
    const [front = 0, watch = 0] = ports;
    const authorization = `Bearer ${secret('metrics-token')}`;
    expect((await ask(front, '/metrics', { authorization })).status).toBe(404);
    const requests = await Promise.all(
      ['/hub-1/metrics', '/hub-2/metrics'].map(async (route) => {
        expect((await ask(watch, route)).status).toBe(401);
        // As Prometheus calls the proxy in the network of the containers, which is no name of the hubs'.
        const { status, text } = await ask(watch, route, { authorization, host: 'proxy:9464' });
        expect(status).toBe(200);
        const families = parseExposition(text);
        expect(valueOf(families, 'satchel_build_info', { store: 'postgres', role: 'hub' })).toBe(1);
        expect(valueOf(families, 'satchel_store_size_bytes')).toBeGreaterThan(0);
        return valueOf(families, 'satchel_http_requests_total', { status: '200' });
      }),
    );
    expect(Math.min(...requests)).toBeGreaterThan(0);
    expect((await ask(watch, '/healthz')).status).toBe(404);
  });

  it('believe nothing that callers say of themselves', async () => {
    const [front = 0] = ports;
    const made = { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'http', forwarded: 'for=192.0.2.1', 'x-real-ip': '192.0.2.1' };
    expect((await ask(front, '/v1/hub', made)).status).toBe(200);
    expect((await ask(front, '/v1/hub', { host: 'other.example.org' })).status).toBe(421);
  });

  it('are restarted one after the other, and nobody is cut off', async () => {
    for (const at of [0, 1]) {
      await stopHub(at);
      expect(await healthOf(at)).toBe(1);
      await editsTravel(ana, bea, `without hub ${at + 1}`);
      await startHub(at);
    }
    await editsTravel(ana, bea, 'both are back');
    const stands = await Promise.all([0, 1].map((at) => onHub<Stands>(at, ['status', '--hub'])));
    const wrong = stands.flatMap(({ checks, requests }) => [...checks.filter(({ result }) => result === 'fail'), ...requests.failures]);
    expect(wrong).toEqual([]);
    expect(stands.reduce((sum, each) => sum + each.live_listeners, 0)).toBeGreaterThan(0);
    for (const { home } of hubs) expect(existsSync(path.join(home, 'store.db'))).toBe(false);
  });
});
