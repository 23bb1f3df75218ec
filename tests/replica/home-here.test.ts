import { beforeEach, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { ObjectId } from '../../src/core/ids.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { ObjectsLost } from '../../src/core/replica/copy-log.ts';
import { moveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSmallSpace, type SmallMachine, type SmallSpace } from './small-space.ts';

/** A machine that becomes its space's home: it has the log already, and of its bodies those that it shows. */
const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

let space: SmallSpace;
let other: SmallMachine;

beforeEach(async () => {
  space = await createSmallSpace('here');
  other = await space.machine('other');
  await space.invite(other);
  await pull(other.replica, space.hub);
});

async function write(body: string): Promise<void> {
  await other.write(FILE, body);
  await syncWith(other.replica, space.hub);
}

it('has all bodies of the log where a machine becomes the home itself, those before the newest and those that come meanwhile too', async () => {
  for (const body of ['one\n', 'two\n', 'three\n']) await write(body);
  const { replica } = space.owner;
  await pull(replica, space.hub);
  const here = createLocalRemote({ ...replica.deps, address: 'here:' });
  let isFirst = true;
  const from: Remote = {
    ...space.hub,
    async append(...segment) {
      if (isFirst) {
        isFirst = false;
        for (const body of ['four\n', 'five\n']) await write(body);
      }
      return space.hub.append(...segment);
    },
  };
  await moveHome(replica, from, here, 'here');
  replica.setRemote(here);
  expect(await space.owner.history(FILE)).toEqual(['one\n', 'two\n', 'three\n', 'four\n', 'five\n']);
});

it('does not become the home of a log whose bodies are nowhere to be had', async () => {
  for (const body of ['one\n', 'two\n']) await write(body);
  const { replica } = space.owner;
  await pull(replica, space.hub);
  const head = await replica.head();
  const here = createLocalRemote({ ...replica.deps, address: 'here:' });
  const bare: Remote = { ...space.hub, getObjects: async () => new Map() };
  await expect(moveHome(replica, bare, here, 'here')).rejects.toThrow(ObjectsLost);
  expect(await space.hub.head(replica.space)).toEqual(head);
  const leftOut = new Set<ObjectId>();
  await moveHome(replica, bare, here, 'here', undefined, leftOut);
  expect(leftOut.size).toBe(2);
});
