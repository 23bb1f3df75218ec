import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Head } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import type { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { createPlainRunner, MIDDLE, STILL, takeTurns } from './plain-runner.ts';

let owner: SmallMachine;
let reader: SmallMachine;
let runner: SpaceRunner;
/** What each question said it had heard of. */
let heard: (Head | undefined)[];
let opened: number;
/** What a read waits for. */
let slowly: Promise<void>;
let hub: Remote;

beforeEach(async () => {
  const space = await createSmallSpace('heard');
  owner = space.owner;
  reader = await space.machine('reader');
  await space.invite(reader);
  hub = space.hub;
  await sync(reader);
  heard = [];
  opened = 0;
  slowly = Promise.resolve();
  const remote: Remote = {
    ...space.hub,
    read: async (id, from, limit) => {
      heard.push(limit.heard);
      await slowly;
      return space.hub.read(id, from, limit);
    },
  };
  const openRemote = async (): Promise<Remote> => {
    opened += 1;
    await takeTurns();
    return remote;
  };
  runner = createPlainRunner(reader.replica, remote, { clock: STILL, random: MIDDLE, openRemote });
  runner.start();
  await takeTurns();
  await takeTurns();
  heard.length = 0;
});
afterEach(() => runner.stop());

async function sync({ replica }: SmallMachine): Promise<void> {
  await syncWith(replica, hub);
}

async function edit(text: string): Promise<Head | null> {
  await owner.write({ kind: 'text', name: 'CLAUDE.md' }, text);
  await sync(owner);
  await takeTurns();
  return owner.replica.head();
}

it('listens and reads by one remote', () => {
  expect(opened).toBe(1);
});

it('takes for an answer what came along with the head that it follows', async () => {
  const head = await edit('one\n');
  expect(heard).toEqual([head]);
  expect(await reader.replica.head()).toEqual(head);
});

it('asks how it is now where somebody asks for a sync', async () => {
  await runner.syncNow();
  expect(heard).toEqual([undefined]);
});

it('asks how it is now where something else calls for a sync as well', async () => {
  let goOn = (): void => undefined;
  slowly = new Promise((resolve) => (goOn = resolve));
  runner.kick();
  await edit('one\n');
  runner.kick();
  goOn();
  await takeTurns();
  expect(heard).toEqual([undefined, undefined]);
  expect(await reader.replica.head()).toEqual(await owner.replica.head());
});
