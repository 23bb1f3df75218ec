import { expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { changeRole, HomeMoved, renameMember } from '../../src/core/replica/administer.ts';
import { forget } from '../../src/core/replica/forget.ts';
import { moveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

it.each(['rename', 'move'])('appends no control record to a home that it reads of the move from, %s', async (what) => {
  const space = await createSmallSpace('moved-controls');
  const { owner, hub } = space;
  const other = await space.machine('other');
  await space.invite(other);
  await changeRole(owner.replica, hub, other.replica.machine, 'owner');
  await pull(other.replica, hub);
  const target = await openHub();
  await moveHome(owner.replica, hub, target, 'elsewhere');
  const head = await hub.head(owner.replica.space);

  const attempt =
    what === 'move'
      ? moveHome(other.replica, hub, await openHub(), 'yet elsewhere')
      : renameMember(other.replica, hub, owner.replica.machine, 'renamed');
  await expect(attempt).rejects.toThrow(HomeMoved);
  expect(await hub.head(owner.replica.space)).toEqual(head);

  await other.write(FILE, 'at the new home\n');
  expect(await syncWith(other.replica, target)).toMatchObject({ pushed: 1, divergence: null });
  expect(await renameMember(other.replica, target, owner.replica.machine, 'renamed')).not.toBeNull();
  expect(await syncWith(owner.replica, target)).toMatchObject({ divergence: null });
});

it('does a move once where two owners ask for the same', async () => {
  const space = await createSmallSpace('moved-twice');
  const { owner, hub } = space;
  const other = await space.machine('other');
  await space.invite(other);
  await changeRole(owner.replica, hub, other.replica.machine, 'owner');
  await pull(other.replica, hub);
  const target = await openHub();
  await moveHome(owner.replica, hub, target, 'elsewhere');
  const head = await hub.head(owner.replica.space);
  await moveHome(other.replica, hub, target, 'elsewhere');
  expect(await target.head(owner.replica.space)).toEqual(head);
});

it('moves the home although another owner writes and forgets a body there between the copy and the move', async () => {
  const space = await createSmallSpace('moved-between');
  const { owner, hub } = space;
  const other = await space.machine('other');
  await space.invite(other);
  await changeRole(owner.replica, hub, other.replica.machine, 'owner');
  await pull(other.replica, hub);
  let forgotten = false;
  const going: Remote = {
    ...hub,
    async append(...args) {
      if (!forgotten) {
        forgotten = true;
        await other.write(FILE, 'hunter2');
        await syncWith(other.replica, hub);
        await other.remove(FILE);
        await syncWith(other.replica, hub);
        expect(await forget(other.replica, hub, { items: [FILE], reason: '' })).not.toBeNull();
      }
      return hub.append(...args);
    },
  };
  const target = await openHub();
  await moveHome(owner.replica, going, target, 'elsewhere');
  expect(await target.head(owner.replica.space)).toEqual(await hub.head(owner.replica.space));
});
