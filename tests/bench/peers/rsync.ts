import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, runMeasured, versionOf } from '../measured-process.ts';
import type { Measurement, Peer, PeerSession, Place } from '../peer.ts';

const SSHD = '/usr/sbin/sshd';

/**
 * rsync -az over ssh, as it is used between machines: to a real sshd on loopback with keys of its own. Bytes are what
 * rsync counts itself, both directions, without those of ssh.
 */
export const rsyncPeer: Peer = {
  name: 'rsync -z',
  async available() {
    const [rsync, sshd] = [await versionOf(['rsync', '--version']), await versionOf([SSHD, '-V'])];
    return rsync === null || sshd === null ? null : rsync;
  },
  async open(place) {
    const folder = path.join(place.work, 'ssh');
    await mkdir(folder, { mode: 0o700 });
    for (const name of ['host', 'user']) await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, name)]);
    const port = await freePort();
    const options = { Port: port, ListenAddress: '127.0.0.1', HostKey: 'host', AuthorizedKeysFile: 'user.pub', PidFile: 'pid' };
    const settings = Object.entries(options).map(([key, value]) =>
      typeof value === 'string' && key !== 'ListenAddress' ? `${key} ${path.join(folder, value)}` : `${key} ${value}`,
    );
    await writeFile(path.join(folder, 'config'), [...settings, 'StrictModes no', 'UsePAM no', ''].join('\n'));
    await mkdir('/run/sshd', { recursive: true }).catch(() => undefined); // sshd wants it where it runs as root
    const sshd = spawn(SSHD, ['-D', '-e', '-f', path.join(folder, 'config')], { stdio: ['ignore', 'ignore', 'inherit'] });
    await untilListening(sshd, port);
    const ssh = `ssh -p ${port} -i ${path.join(folder, 'user')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    return sessionOf(place, ssh, '127.0.0.1', async () => {
      sshd.kill();
    });
  },
};

/** The same with real pipes and nothing on the way: what rsync does by itself, unencrypted. */
export const rsyncPipePeer: Peer = {
  name: 'rsync -z, no ssh',
  available: () => versionOf(['rsync', '--version']),
  async open(place) {
    const shell = path.join(place.work, 'shell');
    await writeFile(shell, '#!/bin/sh\nshift\nexec sh -c "$*"\n');
    await chmod(shell, 0o755);
    return sessionOf(place, shell, 'here', () => Promise.resolve());
  },
};

function sessionOf({ source, target }: Place, shell: string, host: string, close: () => Promise<void>): PeerSession {
  const sync = async (): Promise<Measurement> => {
    const command = ['rsync', '-az', '--delete', '--stats', '-e', shell, `${source}/`, `${host}:${target}/`];
    const { seconds, cpuSeconds, stdout } = await runMeasured(command);
    return { seconds, cpuSeconds, wireBytes: bytesOf(stdout, 'sent') + bytesOf(stdout, 'received') };
  };
  return { firstSync: sync, noChange: sync, edit: sync, close };
}

function bytesOf(stats: string, direction: 'sent' | 'received'): number {
  const found = new RegExp(`Total bytes ${direction}: ([\\d,]+)`).exec(stats)?.[1];
  if (found === undefined) throw new Error(`rsync --stats says nothing of bytes ${direction}:\n${stats}`);
  return Number(found.replaceAll(',', ''));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)));
    });
  });
}

async function untilListening(server: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`sshd ended with ${server.exitCode}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isUp) return;
    await sleep(50);
  }
  throw new Error('sshd does not listen');
}
