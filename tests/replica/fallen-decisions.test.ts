import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { decodeRecord, EMPTY_HEAD } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { changeRole, revoke } from '../../src/core/replica/administer.ts';
import { fallenOf } from '../../src/core/replica/fallen.ts';
import { recover, replaceRecoveryKey } from '../../src/core/replica/recover.ts';
import { createRecoveryKey } from '../../src/core/replica/recovery-key.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

let space: SmallSpace;
let owner: SmallMachine;
let lost: SmallMachine;
let third: SmallMachine;
let backedUp: number;

beforeEach(async () => {
  space = await createSmallSpace('decisions');
  owner = space.owner;
  [lost, third] = [await space.machine('lost'), await space.machine('third')];
  for (const machine of [lost, third]) await space.invite(machine);
  for (const machine of [lost, third]) await pull(machine.replica, space.hub);
  backedUp = ((await space.hub.head(owner.replica.space))?.position ?? 0) + 1;
});

/** The home as its backup holds it, on which the third machine, which had heard of nothing since, went on. */
async function homeFromBackup(): Promise<Remote> {
  const old = await openHub();
  const id = owner.replica.space;
  for (const bytes of (await space.hub.read(id, 0, { records: backedUp, bytes: 1_000_000 })).records) {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(record.error);
    await old.append(id, (await old.head(id)) ?? EMPTY_HEAD, { records: [record.value], objects: [] });
  }
  for (const machine of [owner, lost, third]) machine.replica.setRemote(old);
  await third.write(FILE, 'went on\n');
  await syncWith(third.replica, old);
  return old;
}

it('revokes again whose revocation fell with the home, before anything lands again', async () => {
  await revoke(owner.replica, space.hub, [lost.replica.machine]);
  await owner.write({ kind: 'text', name: 'secret.md' }, 'not for the lost machine\n');
  await syncWith(owner.replica, space.hub);
  const old = await homeFromBackup();
  await reviveHome(owner.replica, old, 'the same');
  expect(owner.replica.isRevoked).toBe(false);
  expect([...owner.replica.membership.members.keys()]).not.toContain(lost.replica.machine);
  expect(await syncWith(owner.replica, old)).toMatchObject({ divergence: null });
  for (let turn = 0; turn < 2; turn += 1) await syncWith(third.replica, old);
  expect(third.replica.membership.removed.has(lost.replica.machine)).toBe(true);
  expect(await third.read({ kind: 'text', name: 'secret.md' })).toBe('not for the lost machine\n');
  await pull(lost.replica, old);
  expect(lost.replica.isRevoked).toBe(true);
  expect(await lost.read({ kind: 'text', name: 'secret.md' })).toBeNull();
});

it.each(['the move', 'the revocation'])('does so also where it was interrupted before %s', async (where) => {
  await revoke(owner.replica, space.hub, [lost.replica.machine]);
  const old = await homeFromBackup();
  let appends = 0;
  const breaking: Remote = {
    ...old,
    async append(...args) {
      if ((appends += 1) === (where === 'the move' ? 1 : 2)) throw new Error('the way is cut');
      return old.append(...args);
    },
  };
  await expect(reviveHome(owner.replica, breaking, 'the same')).rejects.toThrow('the way is cut');
  await owner.restart();
  owner.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  expect(owner.replica.membership.removed.has(lost.replica.machine)).toBe(true);
  const { position } = owner.replica;
  await reviveHome(owner.replica, old, 'the same'); // and once is enough
  expect(owner.replica.position).toBe(position + 1);
});

it('takes a right away again that was taken away before', async () => {
  await changeRole(owner.replica, space.hub, lost.replica.machine, 'reader');
  const old = await homeFromBackup();
  await reviveHome(owner.replica, old, 'the same');
  expect(owner.replica.membership.members.get(lost.replica.machine)?.role).toBe('reader');
});

describe('a recovery key that fell with the home', () => {
  const [SECRET, OTHER] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)];
  const opensAll = async (secret: Uint8Array, home: Remote): Promise<string | null> => {
    const fresh = await space.machine(`fresh ${secret[0]}`);
    fresh.replica.setRemote(home);
    await recover(fresh.replica, home, await createRecoveryKey(secret, fresh.deps.wrapping));
    await pull(fresh.replica, home);
    return fresh.read(FILE);
  };

  it.each([
    ['alone', []],
    ['with a revocation before it', ['before']],
    ['with a revocation behind it', ['behind']],
    ['with an epoch that another begins in its place', ['elsewhere']],
  ])('is the one again: %s', async (_, when) => {
    if (when.includes('before')) await revoke(owner.replica, space.hub, [lost.replica.machine]);
    await replaceRecoveryKey(owner.replica, space.hub, SECRET);
    if (when.includes('behind')) await revoke(owner.replica, space.hub, [lost.replica.machine]);
    if (when.includes('elsewhere')) await changeRole(owner.replica, space.hub, third.replica.machine, 'owner');
    const old = await homeFromBackup();
    await reviveHome(owner.replica, old, 'the same');
    if (when.includes('elsewhere')) await revoke(owner.replica, old, []);
    expect(await opensAll(SECRET, old)).toBe('went on\n');
  });

  it('stays out where another was made since', async () => {
    await changeRole(owner.replica, space.hub, third.replica.machine, 'owner');
    backedUp += 1;
    await replaceRecoveryKey(owner.replica, space.hub, SECRET);
    const old = await homeFromBackup();
    await replaceRecoveryKey(third.replica, old, OTHER);
    await reviveHome(owner.replica, old, 'the same');
    expect(await opensAll(OTHER, old)).toBe('went on\n');
    await expect(opensAll(SECRET, old)).rejects.toThrow('no longer');
    expect((await fallenOf(owner.replica)).recovery).toBe(false);
  });

  it('is said to be out of force where whoever brought the home back had not heard of it', async () => {
    await changeRole(owner.replica, space.hub, third.replica.machine, 'owner');
    backedUp += 1;
    await replaceRecoveryKey(owner.replica, space.hub, SECRET);
    const old = await homeFromBackup();
    await reviveHome(third.replica, old, 'the same');
    for (let turn = 0; turn < 2; turn += 1) await syncWith(owner.replica, old);
    expect((await fallenOf(owner.replica)).recovery).toBe(true);
    await replaceRecoveryKey(owner.replica, old, OTHER);
    expect((await fallenOf(owner.replica)).recovery).toBe(false);
  });
});
