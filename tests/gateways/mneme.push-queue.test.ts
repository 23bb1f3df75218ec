import { expect, it } from 'vitest';
import { itemKey, type Item } from '../../src/core/item.ts';
import { createPushQueue, type PushQueue } from '../../src/gateways/mneme/push-queue.ts';
import { givenProject, mnemeItem, type MnemeProject } from '../../src/kinds/mneme/names.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';

const CLIENTS = 20;

async function open(name: string): Promise<{ owner: SmallMachine; queue: PushQueue }> {
  const { owner } = await createSmallSpace(name);
  return { owner, queue: createPushQueue(owner.replica) };
}

function logOf(client: number): Item {
  const project = givenProject(`p${client}`);
  if (!project.ok) throw new Error(project.error);
  return mnemeItem(project.value satisfies MnemeProject, 'log.jsonl');
}

function push({ owner, queue }: Awaited<ReturnType<typeof open>>, client: number, text: string): Promise<void> {
  const body = new Uint8Array(Buffer.from(`${text}\n`));
  const found = { writer: `mneme:test:${client}`, item: logOf(client), body, digest: owner.replica.bodies.digestOf(body, {}) };
  return queue.push({ ...found, made: 'shown' });
}

const everyone = Array.from({ length: CLIENTS }, (_, client) => client);

it('makes few commits of what many push, though some come while others are taken', async () => {
  const place = await open('push-queue');
  for (const round of ['one', 'two']) {
    const first = push(place, 0, `${round} of 0`);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, ...everyone.slice(1).map((client) => push(place, client, `${round} of ${client}`))]);
  }
  expect(place.owner.replica.drafts.length).toBeLessThanOrEqual(8);
  await place.owner.restart();
  for (const client of everyone) expect(await place.owner.read(logOf(client))).toBe(`two of ${client}\n`);
});

it('takes what one client pushes in its order', async () => {
  const place = await open('in-order');
  await Promise.all(everyone.map((n) => push(place, 0, `push ${n}`)));
  expect(await place.owner.read(logOf(0))).toBe(`push ${CLIENTS - 1}\n`);
  expect(place.owner.replica.drafts.flatMap(({ changes }) => changes)).toHaveLength(CLIENTS);
});

it('takes what could not be stored ahead in its turn, and only what cannot be taken fails', async () => {
  const place = await open('disk-full');
  const { objects } = place.owner.deps;
  const put = objects.put.bind(objects);
  let fails = 1;
  objects.put = (...asked) => (fails-- > 0 ? Promise.reject(new Error('the disk is full')) : put(...asked));
  await Promise.all(everyone.map((client) => push(place, client, 'once')));
  fails = Number.POSITIVE_INFINITY;
  const outcomes = await Promise.allSettled(everyone.map((client) => push(place, client, 'never')));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
  fails = 0;
  await push(place, 1, 'again');
  const state = await place.owner.replica.visible(everyone.map(logOf));
  expect(state.get(itemKey(logOf(0)))?.content?.size).toBe('once\n'.length);
  expect(await place.owner.read(logOf(1))).toBe('again\n');
});
