import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll } from 'vitest';
import { startGitOverHttp } from '../services/git-over-http.ts';
import { startGitOverSsh } from '../services/git-over-ssh.ts';
import { createGitPlaces, gitEnvironment } from './git-place.ts';
import { describeRemoteContract, type ContractPart } from './remote.ts';

/** The contract over ssh, with a real sshd where there is one. */
export async function describeGitOverSsh(parts?: readonly ContractPart[]): Promise<void> {
  const places = await createGitPlaces();
  const host = await startGitOverSsh(join(places.folder, 'ssh'));
  afterAll(async () => {
    await host.stop();
    await places.dispose();
  });
  const environment = gitEnvironment(places.home, { GIT_SSH_COMMAND: host.command });
  describeRemoteContract(
    `git over ssh${host.isReal ? '' : ', without a real sshd'}`,
    places.underTest((path) => `${host.prefix}${path}`, { environment }),
    parts,
  );
}

/** The contract over http with a password, which git has from a helper of its user's. */
export async function describeGitOverHttp(parts?: readonly ContractPart[]): Promise<void> {
  const places = await createGitPlaces();
  const host = await startGitOverHttp(places.folder, 'someone', 'a password');
  const helper = `!printf 'username=someone\\\\npassword=a password\\\\n'`;
  await writeFile(join(places.home, '.gitconfig'), `[credential "http://127.0.0.1:${host.port}"]\n\thelper = "${helper}"\n`);
  afterAll(async () => {
    await host.stop();
    await places.dispose();
  });
  describeRemoteContract(
    'git over http',
    places.underTest((path) => `${host.prefix}/${basename(path)}`),
    parts,
  );
}
