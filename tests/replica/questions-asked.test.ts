import { beforeEach, expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallMachine } from './small-space.ts';

const FILE = { kind: 'text', name: 'CLAUDE.md' };

let asked: string[];
let hub: Remote;
let owner: SmallMachine;
let other: SmallMachine;

beforeEach(async () => {
  const space = await createSmallSpace('questions');
  owner = space.owner;
  other = await space.machine('other');
  await space.invite(other);
  await syncWith(owner.replica, space.hub);
  await pull(other.replica, space.hub);
  asked = [];
  hub = {
    ...space.hub,
    read: (...question) => {
      asked.push('read');
      return space.hub.read(...question);
    },
    append: (...question) => {
      asked.push('append');
      return space.hub.append(...question);
    },
  };
});

it('asks no more once the records that came lead to the head that came with them', async () => {
  await owner.write(FILE, 'one\n');
  await syncWith(owner.replica, hub);
  asked.length = 0;
  expect(await pull(other.replica, hub)).toEqual({ pulled: 1, divergence: null });
  expect(asked).toEqual(['read']);
  expect(await other.read(FILE)).toBe('one\n');
});

it('sends without a question behind a log that was seen to end where ours does', async () => {
  await owner.write(FILE, 'one\n');
  expect(await syncWith(owner.replica, hub, undefined, true)).toEqual({ pulled: 0, pushed: 1, divergence: null, moved: false });
  expect(asked).toEqual(['append']);
  await pull(other.replica, hub);
  expect(await other.read(FILE)).toBe('one\n');
});

it('loses a race where the log went on unheard, and lands behind what it lacked', async () => {
  await other.write({ ...FILE, name: 'other.md' }, 'theirs\n');
  await syncWith(other.replica, hub);
  await owner.write(FILE, 'ours\n');
  asked.length = 0;
  expect(await syncWith(owner.replica, hub, undefined, true)).toEqual({ pulled: 1, pushed: 1, divergence: null, moved: false });
  expect(asked).toEqual(['append', 'append']);
  expect(await owner.read({ ...FILE, name: 'other.md' })).toBe('theirs\n');
});

it('asks first where there is nothing to send', async () => {
  expect(await syncWith(owner.replica, hub, undefined, true)).toEqual({ pulled: 0, pushed: 0, divergence: null, moved: false });
  expect(asked).toEqual(['read']);
});
