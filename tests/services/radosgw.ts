import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../setup/free-port.ts';
import { runCommand, startDaemon, stopDaemons, untilAnswers, type Daemon } from './daemon.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { makeBucket } from './make-bucket.ts';

/** Ceph's RADOS Gateway, of Debian's packages: a real S3 store, over a monitor and a store in memory. */
export interface RadosGateway {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly makeBucket: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const KEY = 'test';
const SECRET = 'testsecret';
const PACKAGES = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-mgr', 'ceph-common', 'ceph-base'];
const FOLDERS = ['mon', 'osd', 'rgw', 'run', 'log'];

/** At free ports of the loopback, in a temporary folder. Takes 10–20 s and 310 MB; the packages once some minutes. As root only. */
export async function startRadosGateway(): Promise<RadosGateway> {
  ensureDebianPackages('radosgw', PACKAGES);
  const folder = await mkdtemp(join(tmpdir(), 'satchel-rgw-'));
  for (const name of FOLDERS) mkdirSync(join(folder, name), { recursive: true });
  const [first = 0, second = 0, port = 0] = await freePorts(3);
  const config = join(folder, 'ceph.conf');
  const fsid = randomUUID();
  const monitor = `[v2:127.0.0.1:${first},v1:127.0.0.1:${second}]`;
  writeFileSync(config, configOf({ folder, fsid, monitor, port }));
  const at = (...args: string[]): string[] => ['-c', config, ...args];
  const run = (name: string, ...args: string[]): string => runCommand(name, args, folder);
  const log = (name: string): string => join(folder, 'log', `${name}.out`);
  const daemons: Daemon[] = [];
  /** The osd asks the monitor to mark it down, so that goes last. */
  const stop = async (): Promise<void> => {
    await stopDaemons(daemons.toReversed());
    await rm(folder, { recursive: true, force: true });
  };
  try {
    run('ceph-authtool', '--create-keyring', 'keyring', '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
    for (const name of ['client.admin', 'client.rgw']) {
      run(
        'ceph-authtool',
        'keyring',
        '--gen-key',
        '-n',
        name,
        '--cap',
        'mon',
        'allow *',
        '--cap',
        'osd',
        'allow *',
        '--cap',
        'mgr',
        'allow *',
      );
    }
    run('ceph-authtool', 'keyring', '--gen-key', '-n', 'osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *');
    run('monmaptool', '--create', '--addv', 'a', monitor, '--fsid', fsid, 'monmap');
    run('ceph-mon', ...at('-i', 'a', '--mkfs', '--monmap', 'monmap', '--keyring', 'keyring'));
    daemons.push(startDaemon('ceph-mon', at('-i', 'a', '-f'), log('mon')));
    const uuid = randomUUID();
    run('ceph', ...at('--connect-timeout', '100', 'osd', 'new', uuid));
    run('ceph', ...at('auth', 'add', 'osd.0', '-i', 'keyring'));
    run('ceph-osd', ...at('-i', '0', '--mkfs', '--osd-uuid', uuid));
    daemons.push(startDaemon('ceph-osd', at('-i', '0', '-f'), log('osd')));
    run('ceph', ...at('osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=localhost'));
    daemons.push(startDaemon('radosgw', at('-n', 'client.rgw', '-f'), log('rgw')));
    const endpoint = `http://127.0.0.1:${port}`;
    await untilAnswers(endpoint, daemons);
    const user = ['--uid=test', '--display-name=test', `--access-key=${KEY}`, `--secret=${SECRET}`];
    run('radosgw-admin', ...at('-n', 'client.rgw', 'user', 'create', ...user));
    return { endpoint, accessKeyId: KEY, secretAccessKey: SECRET, makeBucket: (name) => makeBucket(endpoint, name, KEY, SECRET), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const CLASSES = ['/usr/lib/x86_64-linux-gnu/rados-classes', '/usr/lib/aarch64-linux-gnu/rados-classes', '/usr/lib/rados-classes'];

function configOf(of: { readonly folder: string; readonly fsid: string; readonly monitor: string; readonly port: number }): string {
  const { folder, fsid, monitor, port } = of;
  return `
[global]
fsid = ${fsid}
mon_host = ${monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
keyring = ${folder}/keyring
auth_allow_insecure_global_id_reclaim = false
run_dir = ${folder}/run
admin_socket = ${folder}/run/$name.asok
log_file = ${folder}/log/$name.log
log_to_stderr = false
pid_file = ${folder}/run/$name.pid
crash_dir = ${folder}/log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_pg_warn_min_per_osd = 0
mon_max_pg_per_osd = 1000
ms_bind_ipv6 = false
[mon]
mon_data = ${folder}/mon
mon_data_avail_crit = 1
mon_data_avail_warn = 1
mon_cluster_log_file = ${folder}/log/cluster.log
[osd]
osd_data = ${folder}/osd
osd_objectstore = memstore
osd_memory_target = 1073741824
memstore_device_bytes = 8589934592
osd_class_dir = ${CLASSES.find((path) => existsSync(path)) ?? CLASSES[0]}
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
rgw_data = ${folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw_enable_apis = s3
rgw_dns_name = localhost
rgw_cache_lru_size = 10000
`;
}
