import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { revoke } from '../../src/core/replica/administer.ts';
import { KeyMissing } from '../../src/core/replica/key-missing.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

describe('a machine that is handed the keys by a record further on', () => {
  let space: SmallSpace;
  beforeEach(async () => {
    space = await createSmallSpace('late');
    await space.owner.write(FILE, 'before anyone came\n');
    await syncWith(space.owner.replica, space.hub);
  });

  it('replays what was written before it was listed', async () => {
    const late = await space.machine('late');
    await space.invite(late);
    await pull(late.replica, space.hub);
    expect(late.replica.stop).toBeNull();
    expect(await late.read(FILE)).toBe('before anyone came\n');
  });

  it('waits where it read the log before it was listed, and goes on then', async () => {
    const late = await space.machine('late');
    await pull(late.replica, space.hub);
    expect(late.replica.stop?.type).toBe('waiting-for-key');
    await space.invite(late);
    await pull(late.replica, space.hub);
    expect(await late.read(FILE)).toBe('before anyone came\n');
  });

  it('replays what was written while it was revoked, once it is listed again', async () => {
    const other = await space.machine('other');
    await space.invite(other);
    await pull(other.replica, space.hub);
    await other.write(FILE, 'drafted before the revocation\n');
    await revoke(space.owner.replica, space.hub, [other.replica.machine]);
    await space.owner.write(FILE, 'while it was away\n');
    await syncWith(space.owner.replica, space.hub);
    await syncWith(other.replica, space.hub);
    expect(other.replica.stop?.type).toBe('waiting-for-key');
    await expect(other.write(FILE, 'written without a key\n')).rejects.toThrow(KeyMissing);

    await space.invite(other);
    await syncWith(other.replica, space.hub);
    expect(other.replica.stop).toBeNull();
    expect(other.replica.drafts).toEqual([]);
    const bodies = ['before anyone came\n', 'while it was away\n', 'drafted before the revocation\n'];
    expect(await other.history(FILE)).toEqual(bodies);
    await pull(space.owner.replica, space.hub);
    expect(await space.owner.history(FILE)).toEqual(bodies);
  });
});
