import { randomBytes } from 'node:crypto';
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

it('sends of a body that was edited what the remote lacks', async () => {
  const { owner, hub } = await createSmallSpace('edited');
  const sent: number[] = [];
  const counting: typeof hub = {
    ...hub,
    append: (space, head, segment) => {
      sent.push(segment.objects.reduce((sum, { bytes }) => sum + bytes.length, 0));
      return hub.append(space, head, segment);
    },
  };
  const text = randomBytes(300_000).toString('hex');
  await owner.write(NOTE, text);
  await syncWith(owner.replica, counting);
  await owner.write(NOTE, `${text}and more\n`);
  await syncWith(owner.replica, counting);
  expect(sent[0]).toBeGreaterThan(250_000);
  expect(sent[1]).toBeLessThan(150_000);
});

it('sends all that the remote lacks, though the log names it', async () => {
  const { owner, hub } = await createSmallSpace('lacking');
  const text = randomBytes(300_000).toString('hex');
  await owner.write(NOTE, text);
  await syncWith(owner.replica, hub);
  await owner.write(NOTE, `${text}and more\n`);
  let refused = 0;
  const put = vi.fn<typeof hub.putObjects>((space, objects) => hub.putObjects(space, objects));
  const lacking: typeof hub = {
    ...hub,
    putObjects: put,
    append: async (space, head, segment) => {
      const named = segment.records
        .flatMap(({ header }) => header.objects)
        .filter((id) => !segment.objects.some((along) => along.id === id));
      refused += 1;
      return refused === 1 ? { type: 'missing-objects', ids: named } : hub.append(space, head, segment);
    },
  };
  await syncWith(owner.replica, lacking);
  expect(put).toHaveBeenCalled();
  expect([refused, owner.replica.drafts]).toEqual([2, []]);
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

it('brings nothing to a log that is kept in the same store, but what is in memory for those who listen', async () => {
  const { owner, hub } = await createSmallSpace('kept-here', { keptBy: 'owner' });
  const read = vi.spyOn(owner.deps.objects, 'get');
  const append = vi.spyOn(hub, 'append');
  await owner.write(NOTE, 'small\n');
  await owner.write({ kind: 'text', name: 'large.md' }, 'large '.repeat(100_000));
  owner.replica.bodies.forgetPlain();
  await owner.write({ kind: 'text', name: 'other.md' }, 'small again\n');
  await syncWith(owner.replica, hub);
  expect(read).not.toHaveBeenCalled();
  expect(append.mock.calls.map(([, , { records, objects }]) => [records.length, objects.length])).toEqual([[3, 1]]);
  await owner.restart();
  expect(await owner.read(NOTE)).toBe('small\n');
});
