import { beforeAll, describe, expect, it } from 'vitest';
import { chunkLengths } from '../../src/core/chunking.ts';
import { padmeLength } from '../../src/core/crypto/container.ts';
import { sha256 } from '../../src/core/crypto/hash.ts';
import { sealBundle, sealChunk, sealCommitBody } from '../../src/core/crypto/object-cipher.ts';
import { contentDigest, createSpaceKeys, type SpaceKeys } from '../../src/core/crypto/space-keys.ts';
import type { CommitId, MachineId, SpaceId } from '../../src/core/ids.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { random } from '../gateways/native-place.ts';
import { createWorld } from './world.ts';

/** What ciphertexts give away, and no more: equal chunks of one space and epoch, padded sizes (docs/threat-model.md). */
const zstd = createZstd();
const [SPACE, OTHER] = ['aa', 'bb'].map((byte) => byte.repeat(32) as SpaceId) as [SpaceId, SpaceId];
const binding = { space: SPACE, keyId: 1, signer: 'cc'.repeat(32) as MachineId, commit: 'dd'.repeat(16) as CommitId };
const plain = Buffer.from('the same words in the same order, '.repeat(40));

function keysOf(spaceKey: Uint8Array, ...epochs: readonly Uint8Array[]): SpaceKeys {
  return createSpaceKeys({ spaceKey, epochKeys: new Map(epochs.map((key, index) => [index + 1, key])) });
}

describe('what a hub learns of bodies', () => {
  const [spaceKey, first, second] = [random.bytes(32), random.bytes(32), random.bytes(32)];
  const keys = keysOf(spaceKey, first, second);

  it('equal chunks show within one space and epoch, and nowhere else', async () => {
    const { id } = await sealChunk(plain, SPACE, 1, keys, zstd);
    expect((await sealChunk(plain, SPACE, 1, keys, zstd)).id).toBe(id);
    const elsewhere = [
      await sealChunk(plain, OTHER, 1, keys, zstd),
      await sealChunk(plain, SPACE, 2, keys, zstd),
      await sealChunk(plain, SPACE, 1, keysOf(spaceKey, second), zstd),
      await sealChunk(Buffer.concat([plain, Buffer.of(0)]), SPACE, 1, keys, zstd),
    ];
    expect(new Set([id, ...elsewhere.map((object) => object.id)]).size).toBe(5);
  });

  it('equal small bodies and equal commits never show: each is encrypted under a salt of its own', async () => {
    const [one, two] = [await sealBundle(plain, binding, keys, zstd, random), await sealBundle(plain, binding, keys, zstd, random)];
    expect(one.id).not.toBe(two.id);
    const bodies = [await sealCommitBody(plain, binding, keys, zstd, random), await sealCommitBody(plain, binding, keys, zstd, random)];
    expect(Buffer.from(bodies[0] as Uint8Array).equals(bodies[1] as Uint8Array)).toBe(false);
  });

  it('sizes are padded, to few lengths', async () => {
    const lengths = new Set<number>();
    for (let length = 10_000; length < 10_400; length++)
      lengths.add((await sealBundle(random.bytes(length), binding, keys, zstd, random)).bytes.length);
    expect(lengths.size).toBeLessThanOrEqual(4);
    for (const length of [1_000, 65_537, 1_000_001]) {
      expect(padmeLength(length)).toBeGreaterThanOrEqual(length);
      expect(padmeLength(length) / length).toBeLessThan(1.12);
    }
  });

  it('boundaries and digests are of the space: the same body gives others in another', () => {
    const body = random.bytes(2_000_000);
    const other = keysOf(random.bytes(32), first);
    expect(chunkLengths(body, keys.gear)).toEqual(chunkLengths(body, keysOf(spaceKey).gear));
    expect(chunkLengths(body, other.gear)).not.toEqual(chunkLengths(body, keys.gear));
    const digest = (of: SpaceKeys): string => contentDigest(of.digestKey, sha256(plain), new Uint8Array(0));
    expect(digest(keys)).toBe(digest(keysOf(spaceKey, second)));
    expect(digest(other)).not.toBe(digest(keys));
  });
});

describe('bodies of several people', () => {
  let stored: (bodies: readonly string[]) => Promise<(string | undefined)[]>;
  let share: () => Promise<void>;

  beforeAll(async () => {
    const world = await createWorld('accounts');
    stored = async (bodies) => {
      const { replica } = world.a;
      const pieces = await replica.bodies.store(
        bodies.map((body) => Buffer.from(body)),
        replica.newCommitId(),
        1,
      );
      return pieces.map(([piece]) => piece?.object);
    };
    share = async () => {
      const { key, recipient } = (await world.machine('theirs', null)).machine;
      const member = { machine: key.machine, recipient, role: 'writer' as const, account: OTHER, name: 'theirs' };
      await addMember(world.a.replica, world.hub, member);
    };
  });

  it('share no compression context with another’s, where one person’s do', async () => {
    const [one, two] = await stored(['mine\n', 'mine too\n']);
    expect(one).toBe(two);
    await share();
    const [three, four] = await stored(['mine\n', 'theirs, perhaps\n']);
    expect(three).not.toBe(four);
  });
});
