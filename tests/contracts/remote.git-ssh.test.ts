import { join } from 'node:path';
import { afterAll } from 'vitest';
import { startGitOverSsh } from '../services/git-over-ssh.ts';
import { createGitPlaces, gitEnvironment } from './git-place.ts';
import { describeRemoteContract } from './remote.ts';

const places = await createGitPlaces();
const host = await startGitOverSsh(join(places.folder, 'ssh'));
afterAll(async () => {
  await host.stop();
  await places.dispose();
});

describeRemoteContract(
  'git over ssh',
  places.underTest((path) => `${host.prefix}${path}`, { environment: gitEnvironment(places.home, { GIT_SSH_COMMAND: host.command }) }),
);
