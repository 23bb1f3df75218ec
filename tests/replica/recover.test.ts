import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { secretToWords, wordsToSecret } from '../../src/core/joining/words.ts';
import { encodeControl } from '../../src/core/log/control.ts';
import { decodeControl } from '../../src/core/log/control.ts';
import { currentEpoch } from '../../src/core/log/membership.ts';
import { EMPTY_HEAD, sealRecord } from '../../src/core/log/record.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { appendControl, ownSecrets, revoke } from '../../src/core/replica/administer.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import { epochCommitment } from '../../src/core/crypto/space-keys.ts';
import { encodeSecrets } from '../../src/core/replica/secrets.ts';
import { recover, replaceRecoveryKey } from '../../src/core/replica/recover.ts';
import { createRecoveryKey } from '../../src/core/replica/recovery-key.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };
const SECRET = Buffer.alloc(32, 7);

describe('recovery', () => {
  let space: SmallSpace;
  let fresh: SmallMachine;
  beforeEach(async () => {
    space = await createSmallSpace('recover');
    await space.owner.write(FILE, 'precious\n');
    await syncWith(space.owner.replica, space.hub);
    await replaceRecoveryKey(space.owner.replica, space.hub, SECRET);
    fresh = await space.machine('fresh');
  });
  const key = (secret: Uint8Array = SECRET) => createRecoveryKey(secret, fresh.deps.wrapping);

  it('brings everything back when all machines are gone', async () => {
    await revoke(space.owner.replica, space.hub, []);
    await space.owner.write(FILE, 'of the second epoch\n');
    await syncWith(space.owner.replica, space.hub);
    await recover(fresh.replica, space.hub, await key());
    expect(fresh.replica.stop).toBeNull();
    expect(await fresh.history(FILE)).toEqual(['precious\n', 'of the second epoch\n']);
    await revoke(fresh.replica, space.hub, [space.owner.replica.machine]);
    await fresh.write(FILE, 'goes on\n');
    expect((await syncWith(fresh.replica, space.hub)).pushed).toBe(1);
    expect([...fresh.replica.membership.members.keys()]).toEqual([fresh.replica.machine]);
  });

  it('may be repeated', async () => {
    await recover(fresh.replica, space.hub, await key());
    const { position } = fresh.replica;
    await recover(fresh.replica, space.hub, await key());
    expect(fresh.replica.position).toBe(position);
  });

  it('refuses another key, and one that was replaced', async () => {
    await expect(recover(fresh.replica, space.hub, await key(Buffer.alloc(32, 8)))).rejects.toThrow('not, or no longer');
    await replaceRecoveryKey(space.owner.replica, space.hub, Buffer.alloc(32, 9));
    await expect(recover(fresh.replica, space.hub, await key())).rejects.toThrow('no longer');
    await recover(fresh.replica, space.hub, await key(Buffer.alloc(32, 9)));
    expect(await fresh.read(FILE)).toBe('precious\n');
  });

  it('names the machine that began an epoch without handing its key to the recovery key', async () => {
    const { replica, deps } = space.owner;
    const epochKey = deps.random.bytes(32);
    const secrets = await ownSecrets(replica);
    const number = currentEpoch(replica.membership).number + 1;
    const plain = encodeSecrets({ ...secrets, epochKeys: new Map(secrets.epochKeys).set(number, epochKey) });
    const record = await appendControl(replica, space.hub, async () => ({
      op: 'epoch',
      removed: [],
      epoch: {
        number,
        commitment: epochCommitment(epochKey),
        envelopes: {
          recovery: await deps.wrapping.wrap(plain, fresh.deps.machine.recipient),
          [replica.machine]: await deps.wrapping.wrap(plain, deps.machine.recipient),
        },
      },
    }));
    await expect(recover(fresh.replica, space.hub, await key())).rejects.toThrow(
      new RegExp(
        `no key of the current epoch: ${deps.machine.name}, ${replica.machine.slice(0, 12)}, which began it with record ${record?.header.position},.*keys recovery --replace`,
      ),
    );
    await replaceRecoveryKey(replica, space.hub, Buffer.alloc(32, 9));
    await recover(fresh.replica, space.hub, await key(Buffer.alloc(32, 9)));
    expect(await fresh.read(FILE)).toBe('precious\n');
  });

  it('works with the key of the genesis', async () => {
    const { space: id, genesis, recoverySecret } = await createSpace(space.owner.deps, 'sealed');
    await space.hub.append(id, EMPTY_HEAD, { records: [genesis], objects: [] });
    const replica = Replica.create(fresh.deps, id);
    await recover(replica, space.hub, await key(recoverySecret));
    expect(replica.membership.members.get(replica.machine)?.role).toBe('owner');
  });

  it('finds out a space that someone made who knows only the public halves of the key', async () => {
    const made = await createSpace(space.owner.deps, 'sealed');
    const payload = decodeControl(made.genesis.body);
    if (!payload.ok || payload.value.op !== 'genesis') throw new Error('no genesis');
    const victim = await key();
    const { wrapping, machine } = space.owner.deps;
    const plain = await wrapping.unwrap(payload.value.epoch.envelopes[machine.key.machine] as Uint8Array, machine.identity);
    const envelopes = { ...payload.value.epoch.envelopes, recovery: await wrapping.wrap(plain as Uint8Array, victim.recipient) };
    const forged = {
      ...payload.value,
      recovery: { signer: victim.key.machine, recipient: victim.recipient },
      epoch: { ...payload.value.epoch, envelopes },
    };
    const genesis = sealRecord(made.genesis.header, encodeControl(forged), machine.key);
    const id = genesis.hash as string as SpaceId;
    await space.hub.append(id, EMPTY_HEAD, { records: [genesis], objects: [] });
    await expect(recover(Replica.create(fresh.deps, id), space.hub, victim)).rejects.toThrow('forged');
  });
});

describe('recovery words', () => {
  it('are 24, and come back as the secret, however they are typed', () => {
    const words = secretToWords(SECRET);
    expect(words.split(' ')).toHaveLength(24);
    const numbered = words
      .split(' ')
      .map((word, index) => `${index + 1}. ${word.toUpperCase()}`)
      .join('\n');
    for (const typed of [words, numbered]) expect(wordsToSecret(typed, 24)).toEqual({ ok: true, value: new Uint8Array(SECRET) });
    expect(wordsToSecret(words)).toMatchObject({ ok: false });
  });
});
