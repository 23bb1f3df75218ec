import path from 'node:path';
import { run, versionOf } from '../measured-process.ts';
import type { Peer } from '../peer.ts';
import { createRepositorySession } from './repository-peer.ts';

/** borg: create here, extract there, encrypted, with zstd like restic's. */
export const borgPeer: Peer = {
  name: 'borg',
  available: () => versionOf(['borg', '--version']),
  async open({ source, target, work }) {
    const repository = path.join(work, 'repository');
    const env = { BORG_REPO: repository, BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: path.join(work, 'base') };
    await run(['borg', 'init', '--encryption=repokey-blake2'], { env });
    const create = ['bash', '-c', 'cd "$1" && borg create --compression zstd,3 "::$(date +%s%N)" .', 'create', source];
    const extract = ['bash', '-c', 'cd "$1" && borg extract "::$(borg list --last 1 --short)"', 'extract', target];
    return createRepositorySession(repository, { create, extract }, { env });
  },
};
