import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from './memory-store.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

describeRemoteContract('local', async () => {
  const store = await createSqliteStore({ path: ':memory:' });
  const objects = createObjectStoreDouble();
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
