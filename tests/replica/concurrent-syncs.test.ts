import { expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace } from './small-space.ts';

it('takes an answer that another exchange was faster to store for what it is', async () => {
  const space = await createSmallSpace('concurrent');
  const other = await space.machine('other');
  await space.invite(other);
  await space.owner.write({ kind: 'text', name: 'CLAUDE.md' }, 'one\n');
  await syncWith(space.owner.replica, space.hub);
  let release = (): void => undefined;
  let asked = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  const slow: Remote = {
    ...space.hub,
    async read(id, from, limit) {
      const answer = await space.hub.read(id, from, limit);
      asked();
      await released;
      return answer;
    },
  };
  const late = pull(other.replica, slow);
  await wasAsked;
  await pull(other.replica, space.hub);
  release();
  expect((await late).divergence).toBeNull();
  expect(await other.read({ kind: 'text', name: 'CLAUDE.md' })).toBe('one\n');
});
