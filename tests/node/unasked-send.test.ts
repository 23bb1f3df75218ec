import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { createPlainRunner, MIDDLE, STILL, takeTurns } from './plain-runner.ts';

let machine: SmallMachine;
let runner: SpaceRunner;
let asked: string[];
let endStream: () => void;

beforeEach(async () => {
  const space = await createSmallSpace('unasked');
  machine = space.owner;
  asked = [];
  const remote: Remote = {
    ...space.hub,
    watch: (spaces, onHead, signal) => {
      const ending = new AbortController();
      endStream = () => ending.abort();
      return space.hub.watch(spaces, onHead, AbortSignal.any([ending.signal, signal]));
    },
    read: (...question) => {
      asked.push('read');
      return space.hub.read(...question);
    },
    append: (...question) => {
      asked.push('append');
      return space.hub.append(...question);
    },
  };
  runner = createPlainRunner(machine.replica, remote, { clock: STILL, random: MIDDLE });
  runner.start();
  await takeTurns();
  asked.length = 0;
});
afterEach(() => runner.stop());

async function edit(text: string): Promise<void> {
  await machine.write({ kind: 'text', name: 'CLAUDE.md' }, text);
  await takeTurns();
}

it('is without a question while the live stream said nothing new', async () => {
  await edit('one\n');
  await edit('two\n');
  expect(asked).toEqual(['append', 'append']);
  expect(machine.replica.drafts).toEqual([]);
});

it('comes after a question where nobody listens any more', async () => {
  endStream();
  await takeTurns();
  asked.length = 0;
  await edit('one\n');
  expect(asked).toEqual(['read', 'append']);
});
