import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { HubLog } from '../../src/gateways/native/hub-app.ts';
import { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as HubLog;
/** Pauses last until something ends them. */
const clock: Clock = {
  now: () => 1_750_000_000_000,
  sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
};

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
  const random = { bytes: (length: number) => new Uint8Array(length).fill(128) };
  const apply = async (): Promise<void> => undefined;
  runner = new SpaceRunner({ replica: machine.replica, clock, random, log: SILENT, apply, openRemote: async () => remote });
  runner.start();
  await settle();
  asked.length = 0;
});
afterEach(() => runner.stop());

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function edit(text: string): Promise<void> {
  await machine.write({ kind: 'text', name: 'CLAUDE.md' }, text);
  await settle();
}

it('is without a question while the live stream said nothing new', async () => {
  await edit('one\n');
  await edit('two\n');
  expect(asked).toEqual(['append', 'append']);
  expect(machine.replica.drafts).toEqual([]);
});

it('comes after a question where nobody listens any more', async () => {
  endStream();
  await settle();
  asked.length = 0;
  await edit('one\n');
  expect(asked).toEqual(['read', 'append']);
});
