import { afterAll } from 'vitest';
import { createGitPlaces } from './git-place.ts';
import { describeRemoteContract } from './remote.ts';

const places = await createGitPlaces();
afterAll(() => places.dispose());

describeRemoteContract(
  'git over a path',
  places.underTest((path) => `git+file://${path}`),
);
