import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolder, openFolderRemote } from '../../src/remotes/folder/open.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

describeRemoteContract('folder', async () => {
  const path = await mkdtemp(join(tmpdir(), 'satchel-folder-'));
  const clock = createTestClock();
  await createFolder(path, random);
  return {
    open: () => openFolderRemote(path, { clock, random, pollEvery: 50 }),
    clock,
    dispose: () => rm(path, { recursive: true }),
  };
});
