import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../setup/free-port.ts';
import { runCommand, startDaemon, stopDaemons, untilAnswers, type Daemon } from './daemon.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { makeBucket } from './make-bucket.ts';

/** OpenStack Swift with its S3 front, of Debian's packages: a real store, which knows no conditional writes. */
export interface Swift {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly makeBucket: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const KEY = 'test:tester';
const SECRET = 'testing';
const PACKAGES = ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'python3-swift', 'memcached'];
const FILTERS = ['catch_errors', 'gatekeeper', 'healthcheck', 'listing_formats', 'bulk', 'slo', 'dlo', 'symlink'];

/** At free ports of the loopback, in a temporary folder. Takes 1–5 s and 300 MB; the packages once some minutes. As root only. */
export async function startSwift(): Promise<Swift> {
  ensureDebianPackages('swift-proxy-server', PACKAGES);
  const folder = await mkdtemp(join(tmpdir(), 'satchel-swift-'));
  for (const name of ['etc', 'node/d1', 'log', 'run']) mkdirSync(join(folder, name), { recursive: true });
  const etc = join(folder, 'etc');
  const [account = 0, container = 0, object = 0, cache = 0, port = 0] = await freePorts(5);
  const daemons: Daemon[] = [];
  const stop = async (): Promise<void> => {
    await stopDaemons(daemons.toReversed());
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [name, at] of Object.entries({ account, container, object })) {
      runCommand('swift-ring-builder', [`${name}.builder`, 'create', '6', '1', '0'], etc);
      runCommand('swift-ring-builder', [`${name}.builder`, 'add', `r1z1-127.0.0.1:${at}/d1`, '1'], etc);
      runCommand('swift-ring-builder', [`${name}.builder`, 'rebalance'], etc);
      writeFileSync(join(etc, `${name}-server.conf`), serverConfig(folder, name, at));
    }
    writeFileSync(join(etc, 'proxy-server.conf'), proxyConfig(folder, port, cache));
    const log = (name: string): string => join(folder, 'log', name);
    daemons.push(startDaemon('memcached', ['-u', 'root', '-l', '127.0.0.1', '-p', String(cache)], log('memcached')));
    const start = (name: string): void =>
      void daemons.push(startDaemon(`swift-${name}-server`, [join(etc, `${name}-server.conf`), '-v'], log(name)));
    for (const name of ['object', 'container', 'account']) start(name);
    // A proxy that finds one of them away does not ask it again for a minute.
    for (const at of [object, container, account]) await untilAnswers(`http://127.0.0.1:${at}/`, daemons);
    start('proxy');
    const endpoint = `http://127.0.0.1:${port}`;
    await untilAnswers(`${endpoint}/healthcheck`, daemons);
    return { endpoint, accessKeyId: KEY, secretAccessKey: SECRET, makeBucket: (name) => makeBucket(endpoint, name, KEY, SECRET), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function commonConfig(folder: string, port: number): string {
  return `
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 1
user = root
swift_dir = ${folder}/etc
devices = ${folder}/node
mount_check = false
log_facility = LOG_LOCAL0
log_address = /nonexistent
recon_cache_path = ${folder}/run
`;
}

function serverConfig(folder: string, name: string, port: number): string {
  return `${commonConfig(folder, port)}
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
allow_versions = true
`;
}

function proxyConfig(folder: string, port: number, cache: number): string {
  return `${commonConfig(folder, port)}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = true
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cache}
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
${FILTERS.map((name) => `[filter:${name}]\nuse = egg:swift#${name}\n`).join('')}`;
}
