import { it } from 'vitest';
import { race } from './git-race.ts';

it('loses and forks nothing while 16 machines land 20 commits each', () => race({ writers: 16, rounds: 20, kills: 0 }));

it('loses and forks nothing while 8 machines land 10 commits each, and git processes are killed at random', () =>
  race({ writers: 8, rounds: 10, kills: 300 }));
