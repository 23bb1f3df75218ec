import path from 'node:path';
import { run, versionOf } from '../measured-process.ts';
import type { Peer } from '../peer.ts';
import { createRepositorySession } from './repository-peer.ts';

/** restic: backup here, restore there, through a local repository. Where it can, restore writes only what differs. */
export const resticPeer: Peer = {
  name: 'restic',
  available: () => versionOf(['restic', 'version']),
  async open({ source, target, work }) {
    const repository = path.join(work, 'repository');
    const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: path.join(work, 'cache') };
    await run(['restic', 'init'], { env });
    // `snapshot:path` and --overwrite came with 0.17; before, restore wrote everything again.
    const modern = (await run(['restic', 'restore', '--help'])).stdout.includes('--overwrite');
    const restore = modern
      ? ['restic', 'restore', `latest:${source}`, '--target', target, '--overwrite', 'if-changed', '--delete']
      : [
          'bash',
          '-c',
          'rm -rf "$2" && restic restore latest --target "$1" && mv "$1$3" "$2"',
          'restore',
          path.join(work, 'restored'),
          target,
          source,
        ];
    return createRepositorySession(repository, { backup: ['restic', 'backup', '--quiet', source], restore }, { env });
  },
};
