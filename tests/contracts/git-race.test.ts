import { it } from 'vitest';
import { race } from './git-race.ts';

it('loses and forks nothing while 4 machines land 5 commits each, and git processes are killed at random', () =>
  race({ writers: 4, rounds: 5, kills: 30 }));
