import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll } from 'vitest';
import { startGitOverHttp } from '../services/git-over-http.ts';
import { createGitPlaces } from './git-place.ts';
import { describeRemoteContract } from './remote.ts';

const places = await createGitPlaces();
const host = await startGitOverHttp(places.folder, 'someone', 'a password');
// The credential comes from a helper, as people have one.
await writeFile(
  join(places.home, '.gitconfig'),
  `[credential "http://127.0.0.1:${host.port}"]\n\thelper = "!printf 'username=someone\\\\npassword=a password\\\\n'"\n`,
);
afterAll(async () => {
  await host.stop();
  await places.dispose();
});

describeRemoteContract(
  'git over http',
  places.underTest((path) => `${host.prefix}/${basename(path)}`),
);
