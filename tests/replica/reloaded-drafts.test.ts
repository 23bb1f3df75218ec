import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { revoke } from '../../src/core/replica/administer.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallMachine, type SmallSpace } from './small-space.ts';

const LOG: Item = { kind: 'jsonl', name: 'history.jsonl' };

describe('an append that was drafted, and read from the store again', () => {
  let space: SmallSpace;
  let other: SmallMachine;
  beforeEach(async () => {
    space = await createSmallSpace('reloaded');
    other = await space.machine('other');
    await space.invite(other);
    await space.owner.write(LOG, 'one\n');
    await syncWith(space.owner.replica, space.hub);
    await pull(other.replica, space.hub);
    await other.apply();
    await other.append(LOG, 'two\n');
    await other.restart();
  });

  it('is rebased with all of its body', async () => {
    await space.owner.append(LOG, 'three\n');
    await syncWith(space.owner.replica, space.hub);
    await syncWith(other.replica, space.hub);
    expect(await other.read(LOG)).toBe('one\nthree\ntwo\n');
    expect(await other.history(LOG)).toEqual(['one\n', 'one\nthree\n', 'one\ntwo\n', 'one\nthree\ntwo\n']);
    await pull(space.owner.replica, space.hub);
    expect(await space.owner.read(LOG)).toBe('one\nthree\ntwo\n');
  });

  it('is encrypted again for a new epoch with all of its tail', async () => {
    await revoke(space.owner.replica, space.hub, []);
    await syncWith(other.replica, space.hub);
    await pull(space.owner.replica, space.hub);
    for (const machine of [other, space.owner]) expect(await machine.read(LOG)).toBe('one\ntwo\n');
  });
});
