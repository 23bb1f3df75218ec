import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { putSpace } from '../../src/node/space-registry.ts';
import { startPostgres } from '../services/postgres.ts';
import { ask, Place } from './place.ts';

describe('a node whose store is in PostgreSQL', () => {
  it('searches by the index there, and has no word of a sealed space in it', async () => {
    const server = await startPostgres();
    const place = await Place.create();
    try {
      const { url, password } = await server.createDatabase();
      const start = () => place.start('hub', { hub: true, live: false, env: { SATCHEL_STORE: url, SATCHEL_STORE_PASSWORD: password } });
      const hub = await start();
      // As one would be that takes part in spaces: no command makes it so, since all hubs would act as one machine then.
      for (const mode of ['open', 'sealed'] as const) {
        const { space, genesis } = await createSpace(hub.deps, mode);
        await hub.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
        await putSpace(hub.store, { space, name: mode, remote: null, addedAt: 0, recoveryShown: true });
      }
      await place.stop('hub');
      const node = await start();
      for (const { replica, entry } of node.spaces.values()) {
        const workspace = createReplicaWorkspace(replica, { writer: 'test', covers: () => true });
        const body = Buffer.from(`The walrus is ${entry.name}\n`);
        const found = { type: 'body' as const, item: { kind: 'text', name: 'notes.md' }, attributes: {}, body, local: null };
        await workspace.capture([found], { message: '', writer: 'test' });
      }
      const walrus = async (): Promise<unknown[]> => (await ask(node, 'search', { query: 'walrus' })).hits.map(({ snippet }) => snippet);
      expect(await walrus()).toEqual(['The walrus is open']);
      const { index_bytes, database_bytes } = await ask(node, 'storeSizes', {});
      expect([index_bytes > 8_192, database_bytes > 8_192]).toEqual([true, true]);
      expect(await ask(node, 'reindex', {})).toEqual({ items: 1, bytes: index_bytes, unsearched: 0 });
      expect(await walrus()).toEqual(['The walrus is open']);
      expect(existsSync(node.home.index)).toBe(false);
    } finally {
      await place.dispose();
      await server.dispose();
    }
  });
});
