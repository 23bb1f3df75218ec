import { expect, it, vi } from 'vitest';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace } from './small-space.ts';

const NOTE = { kind: 'text', name: 'note.md' };

it('sends what was just sealed without reading it, and after a restart what is stored', async () => {
  const { owner, hub } = await createSmallSpace('to-send');
  const read = vi.spyOn(owner.deps.objects, 'get');
  await owner.write(NOTE, 'one\n');
  await syncWith(owner.replica, hub);
  expect(read).not.toHaveBeenCalled();

  await owner.write(NOTE, 'two\n');
  await owner.restart();
  await syncWith(owner.replica, hub);
  expect(read).toHaveBeenCalled();
  expect(owner.replica.drafts).toEqual([]);
});

it('sends what is stored once nothing is to be kept in memory', async () => {
  const { owner, hub } = await createSmallSpace('forgotten');
  await owner.write(NOTE, 'one\n');
  const read = vi.spyOn(owner.deps.objects, 'get');
  owner.replica.bodies.forgetPlain();
  await syncWith(owner.replica, hub);
  expect(read).toHaveBeenCalled();
  expect(owner.replica.drafts).toEqual([]);
});
