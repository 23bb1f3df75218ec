import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../setup/free-port.ts';

const SSHD = '/usr/sbin/sshd';
const ATTEMPTS = 2_000;

/** Repositories by their paths, over git's ssh transport. */
export interface GitOverSsh {
  /** Before the path of a repository, that is the address. */
  readonly prefix: string;
  /** For git's environment. */
  readonly command: string;
  /** Whether a real sshd is behind it. */
  readonly isReal: boolean;
  readonly stop: () => Promise<void>;
}

/**
 * A real sshd on loopback, with keys of its own and one connection for all that is asked, as people have it with ControlMaster; where none is installed, a
 * program in the place of ssh that runs the command here.
 */
export async function startGitOverSsh(folder: string): Promise<GitOverSsh> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(SSHD)) return standIn(folder);
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  const port = await freePort();
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'user.pub')}`,
    `PidFile ${join(folder, 'pid')}`,
    'StrictModes no',
    'UsePAM no',
    'MaxSessions 100',
    'MaxStartups 100',
    'AcceptEnv GIT_PROTOCOL',
    '',
  ];
  await writeFile(join(folder, 'sshd_config'), settings.join('\n'));
  await mkdir('/run/sshd', { recursive: true }).catch(() => undefined); // sshd wants it where it runs as root
  const sshd = spawn(SSHD, ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(sshd, 'close');
  for (let attempt = 0; !(await answers(port)); attempt += 1) {
    if (sshd.exitCode !== null || attempt === ATTEMPTS) throw new Error('sshd does not listen');
    await delay(50);
  }
  const client = [
    'Host *',
    `  User ${userInfo().username}`,
    `  IdentityFile ${join(folder, 'user')}`,
    '  IdentitiesOnly yes',
    '  StrictHostKeyChecking no',
    '  UserKnownHostsFile /dev/null',
    '  LogLevel ERROR',
    '  ControlMaster auto',
    `  ControlPath ${join(folder, 'control')}`,
    '  ControlPersist 60',
    '',
  ];
  await writeFile(join(folder, 'ssh_config'), client.join('\n'));
  const command = `ssh -F ${join(folder, 'ssh_config')}`;
  // The connection that the others use, before they come.
  execFileSync('ssh', ['-F', join(folder, 'ssh_config'), '-p', String(port), '127.0.0.1', 'true'], { stdio: 'ignore' });
  return {
    prefix: `git+ssh://127.0.0.1:${port}`,
    command,
    isReal: true,
    async stop() {
      execFileSync('ssh', ['-F', join(folder, 'ssh_config'), '-p', String(port), '-O', 'exit', '127.0.0.1'], { stdio: 'ignore' });
      sshd.kill('SIGKILL');
      await ended;
    },
  };
}

async function standIn(folder: string): Promise<GitOverSsh> {
  const path = join(folder, 'ssh');
  await writeFile(path, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n');
  await chmod(path, 0o755);
  return { prefix: 'git+ssh://127.0.0.1', command: path, isReal: false, stop: async () => undefined };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
