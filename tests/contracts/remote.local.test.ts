import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderObjects } from '../../src/store/chunks/folder-objects.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createMemoryObjects } from '../../src/store/chunks/memory-objects.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

describeRemoteContract('local', async () => {
  const store = await createSqliteStore({ path: ':memory:' });
  const objects = createMemoryObjects();
  const clock = createTestClock();
  const remote = createLocalRemote({ store, objects, clock, address: 'local:' });
  return {
    // One process has one local remote: connections share it, and closing one of them ends only its own watches.
    open: async () => ({ ...remote, close: async () => undefined }),
    clock,
    async dispose() {
      await remote.close();
      await objects.close();
      await store.close();
    },
  };
});

describeRemoteContract('local, on disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-local-'));
  const store = await createSqliteStore({ path: join(folder, 'store.db') });
  const objects = createFolderObjects({ path: join(folder, 'objects'), random: { bytes: (length) => randomBytes(length) } });
  const clock = createTestClock();
  const remote = createLocalRemote({ store, objects, clock, address: 'local:' });
  return {
    open: async () => ({ ...remote, close: async () => undefined }),
    clock,
    async dispose() {
      await remote.close();
      await objects.close();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
