import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { gitEnvironment, machinesAt, remoteRepository } from './git-place.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const folder = await mkdtemp(join(tmpdir(), 'satchel-git-'));
const environment = gitEnvironment(join(folder, 'home'));
const template = await remoteRepository(folder, { clock: createTestClock(), random, environment });

afterAll(() => rm(folder, { recursive: true, force: true }));

describeRemoteContract('git over a path', async () => {
  const mine = await mkdtemp(join(folder, 'place-'));
  const clock = createTestClock();
  await cp(template, join(mine, 'it.git'), { recursive: true });
  const open = machinesAt(`git+file://${join(mine, 'it.git')}`, mine, { clock, random, environment, pollEvery: 50 });
  return { open, clock, dispose: () => rm(mine, { recursive: true, force: true }) };
});
