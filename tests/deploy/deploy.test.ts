import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseBlobsAddress } from '../../src/blobs/address.ts';
import { loadConfig, type Config } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { bucketCredentials } from '../../src/node/bucket-credentials.ts';

/** No container engine is needed: what can be seen without one is looked at here. */
const root = path.resolve(import.meta.dirname, '../..');
const deploy = path.join(root, 'deploy');

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<
    Record<string, { readonly internal?: boolean; readonly ipam?: { readonly config: readonly Readonly<Record<string, string>>[] } } | null>
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const text = (name: string): string => readFileSync(path.join(deploy, name), 'utf8');
const compose = parse(text('compose.yaml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const keysOf = (list: readonly string[] | Readonly<Record<string, unknown>> = []): readonly string[] =>
  Array.isArray(list) ? (list as readonly string[]) : Object.keys(list);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-deploy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const prepare = (...args: readonly string[]) =>
  spawnSync('sh', [path.join(deploy, 'prepare.sh'), ...args, ...(args.length === 1 ? [folder] : [])], { encoding: 'utf8' });

describe('deploy/compose.yaml', () => {
  it('names nothing that is not there', () => {
    for (const [, service] of services) {
      for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
      for (const { source } of service.configs ?? []) expect(Object.keys(compose.configs)).toContain(source);
      for (const network of keysOf(service.networks)) expect(Object.keys(compose.networks)).toContain(network);
      for (const other of keysOf(service.depends_on)) expect(Object.keys(compose.services)).toContain(other);
      for (const volume of service.volumes ?? []) {
        const [from = ''] = volume.split(':');
        if (!from.startsWith('.')) expect(Object.keys(compose.volumes)).toContain(from);
      }
      if (service.build === undefined) continue;
      expect(existsSync(path.resolve(deploy, service.build.context, service.build.dockerfile))).toBe(true);
    }
  });

  it('takes each secret and configuration from a file, which is there or is made or asked for by prepare.sh', () => {
    const { stdout } = prepare('https://hub.example.org');
    for (const { file } of [...Object.values(compose.secrets), ...Object.values(compose.configs)]) {
      const isThere = existsSync(path.join(file.startsWith('./secrets/') ? folder : deploy, file));
      expect([file, isThere || stdout.includes(path.join(folder, file))]).toEqual([file, true]);
    }
    for (const [, { environment = {} }] of services)
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|USER|KEY|TOKEN/.test(name))
          expect([name, value]).toEqual([expect.stringMatching(/_FILE$/), expect.stringMatching(/^\/run\/secrets\//)]);
  });

  it.each(services)('confines %s', (name, service) => {
    expect(service).toMatchObject({ user: '1000:1000', read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service.image).toMatch(/^satchel:latest$|:[\w.-]*\d[\w.-]*$/);
    expect(service.ports !== undefined).toBe(name === 'proxy');
    if (name !== 'proxy') expect(keysOf(service.networks)).toEqual(['back']);
  });

  it('lets hubs take forwarding headers from the proxy alone', () => {
    const proxy = compose.services['proxy']?.networks as Record<string, { ipv4_address?: string }>;
    const { proxies } = JSON.parse(text('hub/config.json')) as { proxies: string[] };
    expect(proxies).toEqual([proxy['back']?.ipv4_address]);
    expect(compose.networks['back']).toMatchObject({ internal: true });
  });

  const addressOf = (name: string): string => {
    const networks = compose.services[name]?.networks as Readonly<Record<string, { ipv4_address?: string }>> | undefined;
    return networks?.['back']?.ipv4_address ?? `none of ${name}`;
  };
  const hubs = Object.keys(compose.services).filter((name) => name.startsWith('hub-'));

  it('has the proxy look for the hubs where they are, and ask each for its figures by an address that it answers to', () => {
    const upstreams = [...text('nginx.conf').matchAll(/^ +server ([\w.-]+):4600 /gm)].map(([, address]) => address);
    expect(upstreams).toEqual(hubs.map(addressOf));
    const asked = [...text('nginx.conf').matchAll(/location = \/([\w-]+)\/metrics {\s+proxy_pass http:\/\/([\d.]+):4600\/metrics;/g)];
    expect(asked.map(([, name, address]) => [name, address])).toEqual(hubs.map((name) => [name, addressOf(name)]));
  });

  it('gives nobody by chance an address that is somebody else’s for good', () => {
    const fixed = ['proxy', ...hubs].map(addressOf);
    const { subnet = '', ip_range: range = '', gateway = '' } = compose.networks['back']?.ipam?.config[0] ?? {};
    for (const address of [...fixed, gateway]) {
      expect([address, isIn(subnet, address)]).toEqual([address, true]);
      expect([address, isIn(range, address)]).toEqual([address, false]);
    }
    expect(new Set([...fixed, gateway]).size).toBe(4);
    expect(isIn(subnet, range.split('/')[0] ?? '')).toBe(true);
  });
});

function isIn(range: string, address: string): boolean {
  const [first = '', bits = ''] = range.split('/');
  const list = new BlockList();
  list.addSubnet(first, Number(bits));
  return list.check(address);
}

describe('deploy/prepare.sh', () => {
  const made = (name: string): string => readFileSync(path.join(folder, 'secrets', name), 'utf8');

  it('makes secrets that differ, for their user alone, and leaves them as they are', () => {
    expect(prepare('https://hub.example.org').status).toBe(0);
    const names = readdirSync(path.join(folder, 'secrets'));
    const before = names.map(made);
    for (const name of names) expect([name, statSync(path.join(folder, 'secrets', name)).mode & 0o777]).toEqual([name, 0o400]);
    expect(statSync(path.join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    const random = ['postgres-password', 'store-password', 'metrics-token', 's3-password'].map(made);
    for (const secret of random) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(random).size).toBe(random.length);
    expect(prepare('https://hub.example.org').status).toBe(0);
    const other = prepare('https://other.example.org');
    expect([other.status, other.stderr]).toEqual([1, expect.stringContaining('edit publicUrl')]);
    expect(names.map(made)).toEqual(before);
  });

  it.each(['', 'hub.example.org', 'http://hub.example.org', 'https://hub.example.org/x', 'https://a|b', 'https://ada:b@c'])(
    'refuses %j as an address',
    (url) => {
      expect(prepare(url).status).toBe(2);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('writes what a hub understands: its configuration, and what opens its bucket', async () => {
    prepare('https://hub.example.org:8443');
    const config = await configOf(made('config.json'));
    expect(config).toMatchObject({ hub: true, publicUrl: 'https://hub.example.org:8443', metrics: true, port: 4600 });
    const address = parseBlobsAddress(config.objects ?? '');
    if (!address.ok) throw new Error(address.error);
    writeFileSync(path.join(folder, 'buckets.json'), made('buckets.json'), { mode: 0o600 });
    expect(await bucketCredentials(address.value, { home: folder, variables: {} })).toEqual({
      ok: true,
      value: { driver: 's3', accessKeyId: made('s3-user'), secretAccessKey: made('s3-password') },
    });
  });

  async function configOf(written: string): Promise<Config> {
    const home = path.join(folder, 'home');
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(path.join(home, 'config.json'), written, { mode: 0o600 });
    const environment = readEnvironment({ HOME: folder, SATCHEL_HOME: home });
    if (!environment.ok) throw new Error('bad environment');
    const config = await loadConfig(environment.value);
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    return config.value;
  }
});

describe('deploy/Containerfile', () => {
  const lines = text('Containerfile').split('\n');

  it('copies what is there, and nothing that the build would not have', () => {
    const ignored = readFileSync(path.join(root, '.dockerignore'), 'utf8').split('\n');
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied.length).toBeGreaterThan(4);
    for (const name of copied) {
      expect([name, existsSync(path.join(root, name))]).toEqual([name, true]);
      expect(ignored).not.toContain(name);
    }
    expect(ignored).toEqual(expect.arrayContaining(['node_modules', 'dist', 'deploy/secrets', 'deploy/data']));
  });

  it('ends as a user without rights, with a health check, and programs that are there', () => {
    expect(lines).toContain('USER 1000:1000');
    for (const line of lines.filter((each) => /^(?:ENTRYPOINT|HEALTHCHECK)/.test(each))) {
      const words = JSON.parse(/\[.*\]$/.exec(line)?.[0] ?? '[]') as string[];
      expect(existsSync(path.join(root, (words.at(-1) ?? '').replace(/^\/app\//, '')))).toBe(true);
    }
    expect(lines.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true);
  });
});
