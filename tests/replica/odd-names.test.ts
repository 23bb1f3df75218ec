import { expect, it } from 'vitest';
import { parseItem } from '../../src/core/item.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace } from './small-space.ts';

it('carries names and messages that begin with a mark of byte order, and what is captured with them', async () => {
  const space = await createSmallSpace('odd names');
  const other = await space.machine('other');
  await space.invite(other);
  const workspace = createReplicaWorkspace(space.owner.replica, { writer: 'tree', covers: () => true });
  const names = ['folder/\ufeffname', 'plain', '\ufeffname'];
  const found = names.map((name) => {
    const item = parseItem('text', name);
    if (!item.ok) throw new Error(item.error);
    return { type: 'body', item: item.value, body: Buffer.from(name), attributes: {}, local: null } as const;
  });
  await workspace.capture(found, { message: '\ufeffmessage', writer: 'tree' });
  await syncWith(space.owner.replica, space.hub);
  await syncWith(other.replica, space.hub);
  expect((await other.replica.list()).map(({ item }) => item.name)).toEqual(names);
});
