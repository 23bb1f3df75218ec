import path from 'node:path';
import { run, versionOf } from '../measured-process.ts';
import type { Peer } from '../peer.ts';
import { createRepositorySession } from './repository-peer.ts';

/** git: add, commit and push here, pull there, through a bare repository that keeps packs as they came. */
export const gitPeer: Peer = {
  name: 'git',
  available: () => versionOf(['git', '--version']),
  async open({ source, target, work }) {
    const repository = path.join(work, 'bare.git');
    const gitDir = path.join(work, 'source.git');
    const env = {
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'bench',
      GIT_AUTHOR_EMAIL: 'bench@localhost',
      GIT_COMMITTER_NAME: 'bench',
      GIT_COMMITTER_EMAIL: 'bench@localhost',
    };
    // The repository itself lies outside of the folder, which stays as it is.
    const here = ['git', '--git-dir', gitDir, '--work-tree', source];
    await run(['git', 'init', '-q', '--bare', '-b', 'main', repository], { env });
    await run(['git', '--git-dir', repository, 'config', 'receive.unpackLimit', '1'], { env });
    await run([...here, 'init', '-q', '-b', 'main'], { env });
    await run([...here, 'config', 'gc.auto', '0'], { env });
    await run(['git', 'clone', '-q', '--separate-git-dir', path.join(work, 'target.git'), `file://${repository}`, target], { env });
    return createRepositorySession(
      repository,
      {
        add: [...here, 'add', '-A'],
        commit: ['bash', '-c', '"$@" diff --cached --quiet || "$@" commit -q -m edit', 'commit', ...here],
        push: [...here, 'push', '-q', `file://${repository}`, 'main'],
        pull: ['git', '-C', target, 'pull', '-q', '--ff-only', 'origin', 'main'],
      },
      { env },
    );
  },
};
