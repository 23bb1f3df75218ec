import { expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallMachine } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

async function openBodies(machine: SmallMachine): Promise<string[]> {
  const open = await machine.replica.siblings(FILE);
  return Promise.all(
    open.map(async ({ content }) => (content === null ? '' : Buffer.from(await machine.replica.bodies.read(content)).toString())),
  );
}

it('leaves a conflict open whose sibling was taken, and met another change', async () => {
  const space = await createSmallSpace('settled');
  const [a, b] = [space.owner, await space.machine('b')];
  await space.invite(b);
  const sync = async (machine: SmallMachine): Promise<void> => {
    await syncWith(machine.replica, space.hub);
    await machine.apply();
  };
  await a.write(FILE, 'base\n');
  await sync(a);
  await sync(b);
  await a.write(FILE, 'of a\n');
  await b.write(FILE, 'of b\n');
  for (const machine of [a, b, a]) await sync(machine);
  expect(await openBodies(a)).toEqual(['of b\n']);

  await a.replica.exclusive(async () => {
    const [sibling] = await a.replica.siblings(FILE);
    if (sibling === undefined) throw new Error('no conflict is open');
    const held = (await a.replica.visible([FILE])).values().next().value?.content ?? null;
    const wish = { item: FILE, base: held, ours: sibling.content, history: [] };
    const resolve = { type: 'resolve' as const, item: FILE, base: null, needs: [], siblings: [sibling.sibling] };
    const note = { message: '', writer: 'test' };
    await a.replica.draft([wish], note, a.replica.newCommitId(), undefined, { keeps: [], resolves: [resolve] });
  });
  expect(await a.read(FILE)).toBe('of b\n');
  await b.write(FILE, 'of b, later\n');
  for (const machine of [b, a, b]) await sync(machine);
  for (const machine of [a, b]) {
    expect(await machine.read(FILE)).toBe('of b, later\n');
    expect(await openBodies(machine)).toEqual(['of b\n']);
  }
});
