import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { STUCK, until } from '../e2e/machine.ts';
import { startDaemon, stopDaemons, type Daemon } from '../services/daemon.ts';
import { freePorts } from '../setup/free-port.ts';
import { ensureDebianPackages } from '../services/debian-packages.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';

const deploy = path.resolve(import.meta.dirname, '../../deploy');

export interface Answered {
  readonly status: number | undefined;
  readonly text: string;
}

interface HubProcess {
  readonly home: string;
  readonly port: number;
  process: ChildProcess | null;
  said: string;
}

/**
 * What deploy/ has, as far as it goes without containers: the real nginx with its configuration, of which only places are others, and
 * two hubs that start.sh starts from secrets, on a real PostgreSQL and a double of an S3 store.
 */
export class DeployedHubs {
  /** As machines know it. */
  readonly url: string;
  /** Of the public address, and of the figures. */
  readonly ports: { readonly front: number; readonly watch: number };
  /** The certificate, which machines have to trust: what signed it is nobody. */
  readonly authority: string;
  readonly hubs: readonly HubProcess[];
  readonly database: TestDatabase;
  readonly store: S3Double;
  readonly #folder: string;
  readonly #program: string;
  readonly #server: PostgresServer;
  #proxy: Daemon | null = null;

  private constructor(
    folder: string,
    program: string,
    places: { ports: readonly number[]; server: PostgresServer; database: TestDatabase; store: S3Double },
  ) {
    const [front = 0, watch = 0, ...ofHubs] = places.ports;
    this.#folder = folder;
    this.#program = program;
    this.#server = places.server;
    this.database = places.database;
    this.store = places.store;
    this.ports = { front, watch };
    this.url = `https://localhost:${front}`;
    this.authority = path.join(folder, 'secrets', 'tls.crt');
    this.hubs = ofHubs.map((port, at) => ({ home: path.join(folder, `hub-${at + 1}`), port, process: null, said: '' }));
  }

  /** Two that are healthy, behind nginx that listens. Installs nginx where it is not there; fails loudly where it cannot. */
  static async start(root: string, program: string): Promise<DeployedHubs> {
    ensureDebianPackages('nginx', ['nginx-light']);
    const ports = await freePorts(4);
    const server = await startPostgres();
    const [database, store] = [await server.createDatabase(), await startS3Double()];
    const deployed = new DeployedHubs(path.join(root, 'deploy'), program, { ports, server, database, store });
    deployed.#prepare();
    deployed.#configure();
    deployed.#install();
    for (const at of deployed.hubs.keys()) await deployed.startHub(at);
    await deployed.#startProxy();
    return deployed;
  }

  async dispose(): Promise<void> {
    for (const at of this.hubs.keys()) await this.stopHub(at, 'SIGKILL');
    await stopDaemons(this.#proxy === null ? [] : [this.#proxy]);
    await this.store.close();
    await this.#server.dispose();
  }

  secret(name: string): string {
    return readFileSync(path.join(this.#folder, 'secrets', name), 'utf8');
  }

  /** What nginx said: of what went wrong alone. */
  get proxyLog(): string {
    return readFileSync(path.join(this.#folder, 'nginx.log'), 'utf8');
  }

  /** As the container is: `start.sh`, and waited for until its health check passes. */
  async startHub(at: number): Promise<void> {
    const hub = this.#hub(at);
    const child = spawn('sh', [path.join(this.#folder, 'app/deploy/hub/start.sh'), path.join(this.#folder, 'secrets')], {
      env: envOf(hub),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    hub.said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (hub.said += part.toString()));
    hub.process = child;
    await until(`hub ${at + 1} is healthy`, async () => {
      if (child.exitCode !== null) throw new Error(`hub ${at + 1} ended: ${hub.said}`);
      return (await this.healthOf(at)) === 0;
    });
  }

  /** Throws where it had to cut something off in order to end. */
  async stopHub(at: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const hub = this.#hub(at);
    const { process: child } = hub;
    hub.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'close');
    if (hub.said.includes(STUCK)) throw new Error(`hub ${at + 1} did not end by itself: ${hub.said}`);
  }

  /** What its health check ends with. */
  async healthOf(at: number): Promise<number | null> {
    return (await this.#runOnHub(at, [path.join(this.#folder, 'app/deploy/hub/healthcheck.mjs')])).code;
  }

  /** The document of a command that is run where the hub is. */
  async onHub<T>(at: number, args: readonly string[]): Promise<T> {
    return JSON.parse((await this.#runOnHub(at, [this.#program, ...args, '--json'])).stdout) as T;
  }

  /** What a command prints that is run where the hub is. */
  async saidOnHub(at: number, args: readonly string[]): Promise<string> {
    return (await this.#runOnHub(at, [this.#program, ...args])).stdout.trim();
  }

  /** As after a new certificate: nginx begins with new workers, and the old ones end. */
  reloadProxy(): void {
    this.#proxy?.child.kill('SIGHUP');
  }

  /** One request to the proxy, on a connection of its own. */
  ask(port: number, route: string, headers: Record<string, string> = {}, body?: string): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const place = { host: '127.0.0.1', servername: 'localhost', port, method, path: route };
      const options = { ...place, ca: readFileSync(this.authority), agent: false };
      const sent = request({ ...options, headers: { host: `localhost:${port}`, ...headers } }, (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** The figures of one hub, as Prometheus asks for them in the network of the containers: by a name that is none of the hub's. */
  async figuresOf(at: number): Promise<string> {
    const { status, text } = await this.ask(this.ports.watch, `/hub-${at + 1}/metrics`, {
      authorization: `Bearer ${this.secret('metrics-token')}`,
      host: 'proxy:9464',
    });
    if (status !== 200) throw new Error(`the figures of hub ${at + 1} were answered with ${status}: ${text}`);
    return text;
  }

  #hub(at: number): HubProcess {
    const hub = this.hubs[at];
    if (hub === undefined) throw new Error(`there is no hub ${at + 1}`);
    return hub;
  }

  /** Never synchronously: the hub would ask the double of this process meanwhile, and have no answer. */
  async #runOnHub(at: number, args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string }> {
    const child = spawn(process.execPath, args, { env: envOf(this.#hub(at)), stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout };
  }

  #prepare(): void {
    const secrets = path.join(this.#folder, 'secrets');
    run('sh', [path.join(deploy, 'prepare.sh'), this.url, this.#folder]);
    const key = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
    const files = ['-addext', 'subjectAltName=DNS:localhost', '-out', this.authority, '-keyout', path.join(secrets, 'tls.key')];
    run('openssl', ['req', ...key, ...files]);
    run('chmod', ['-R', 'u+w', secrets]);
  }

  /** The places of this machine, in what is otherwise as it is deployed. */
  #configure(): void {
    const secrets = path.join(this.#folder, 'secrets');
    const write = (name: string, text: string): void => writeFileSync(path.join(secrets, name), text, { mode: 0o400 });
    const { database, store } = this;
    const objects = `s3://bucket?endpoint=${store.endpoint}`;
    const config = JSON.parse(this.secret('config.json')) as Record<string, unknown>;
    write('config.json', JSON.stringify({ ...config, host: '127.0.0.1', proxies: ['127.0.0.1'], store: database.url, objects }));
    write('store-password', `${database.password}\n`);
    write('buckets.json', JSON.stringify({ [objects]: { accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey } }));
    const [first, second] = this.hubs;
    const nginx = readFileSync(path.join(deploy, 'nginx.conf'), 'utf8')
      .replaceAll('10.213.7.11:4600', `127.0.0.1:${first?.port}`)
      .replaceAll('10.213.7.12:4600', `127.0.0.1:${second?.port}`)
      .replace('listen 8443 ssl', `listen 127.0.0.1:${this.ports.front} ssl`)
      .replace('listen 9464 ssl', `listen 127.0.0.1:${this.ports.watch} ssl`)
      .replace(/\/(?:tmp\/|run\/secrets(?=\/))/g, (place) => (place === '/tmp/' ? `${this.#folder}/` : secrets));
    writeFileSync(path.join(this.#folder, 'nginx.conf'), nginx);
  }

  /** As the image has it: start.sh, and the program two folders above. The hubs' keys are the volume that both mount. */
  #install(): void {
    const app = path.join(this.#folder, 'app');
    mkdirSync(path.join(app, 'deploy'), { recursive: true });
    cpSync(path.join(deploy, 'hub'), path.join(app, 'deploy', 'hub'), { recursive: true });
    symlinkSync(path.dirname(path.dirname(this.#program)), path.join(app, 'dist'));
    for (const [at, { home }] of this.hubs.entries()) {
      mkdirSync(home, { mode: 0o700 });
      if (at > 0) symlinkSync(path.join(this.#folder, 'hub-1', 'keys'), path.join(home, 'keys'));
    }
  }

  async #startProxy(): Promise<void> {
    const log = path.join(this.#folder, 'nginx.log');
    const proxy = startDaemon('nginx', ['-e', 'stderr', '-c', path.join(this.#folder, 'nginx.conf'), '-g', 'daemon off;'], log);
    this.#proxy = proxy;
    await until('nginx listens', async () => {
      if (proxy.child.exitCode !== null) throw new Error(this.proxyLog);
      return (await this.ask(this.ports.front, '/healthz').catch(() => null))?.status === 200;
    });
  }
}

function envOf({ home, port }: HubProcess): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, SATCHEL_HOME: home, SATCHEL_PORT: `${port}` };
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}: ${stderr}`);
}
