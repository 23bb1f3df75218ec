import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Machine b shows 30 agents of a and 60 rules, and loses the agents all at once. */
async function lost(): Promise<{ a: SatchelNode; b: SatchelNode }> {
  const a = await place.start('a');
  for (let i = 0; i < 30; i += 1) await place.write('a', `${i}\n`, `agents/${i}.md`);
  for (let i = 0; i < 60; i += 1) await place.write('a', `${i}\n`, `rules/${i}.md`);
  await ask(a, 'sync', {});
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
  expect(await place.read('b', 'agents/29.md')).toBe('29\n');
  await rm(path.join(place.home('b'), '.claude/agents'), { recursive: true });
  await ask(b, 'sync', {});
  return { a, b };
}

const agents = async (node: SatchelNode): Promise<number> =>
  (await [...node.spaces.values()][0]?.replica.list({ prefix: 'agents/' }))?.length ?? 0;

describe('a mass deletion', () => {
  it('waits in the one list of what waits, and a rejection writes everything here again', async () => {
    const { a, b } = await lost();
    expect((await ask(b, 'status', {})).spaces[0]?.pending).toBe(1);
    const { pending } = await ask(b, 'pending', {});
    expect(pending).toMatchObject([{ type: 'mass-deletion', path: path.join(place.home('b'), '.claude') }]);
    expect(pending[0]?.items).toHaveLength(30);
    const { checks } = await ask(b, 'doctor', {});
    expect(checks.find(({ id }) => id === 'pending')).toMatchObject({ result: 'warn' });
    expect(checks.filter(({ result }) => result === 'fail').map(({ next_step: next }) => next)).toEqual([
      'Which, and to answer: satchel pending',
    ]);
    expect((await ask(b, 'answer-pending', { answer: 'reject', ids: [pending[0]?.id ?? ''] })).left).toBe(0);
    expect(await place.read('b', 'agents/29.md')).toBe('29\n');
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect(await agents(a)).toBe(30);
  });

  it('deletes everywhere once it was approved', async () => {
    const { a, b } = await lost();
    expect((await ask(b, 'answer-pending', { answer: 'approve', all: true })).left).toBe(0);
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect([await agents(a), await agents(b)]).toEqual([0, 0]);
  });
});
