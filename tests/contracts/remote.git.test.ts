import { afterAll } from 'vitest';
import { createGitPlaces } from './git-place.ts';
import { describeRemoteContract } from './remote.ts';
import { extent } from '../setup/extent.ts';

const places = await createGitPlaces();
afterAll(() => places.dispose());

describeRemoteContract(
  'git over a path',
  places.underTest((path) => `git+file://${path}`, {}, extent({ writers: 4, rounds: 3 }, undefined)),
  { atLimits: extent(false, true) },
);
