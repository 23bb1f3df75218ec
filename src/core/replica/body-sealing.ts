import type { Piece } from '../content.ts';
import { sealBundle, sealChunk, type SealedObject } from '../crypto/object-cipher.ts';
import { sealChunks } from '../crypto/seal-chunks.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import type { CommitId, MachineId, ObjectId, SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Compression, Effort } from '../ports/compression.ts';
import type { Random } from '../ports/random.ts';
import type { SealedChunk, Sealing } from '../ports/sealing.ts';
import type { ObjectCache } from './object-cache.ts';

export interface BodySealingDeps {
  readonly compression: Compression;
  /** Seals large bodies; here and now where it is left out. */
  readonly sealing?: Sealing;
  readonly random: Random;
  readonly space: SpaceId;
  readonly signer: MachineId;
  /** The keys as known now: they grow with each epoch. */
  keys(): SpaceKeys;
  /** Whether small bodies may share one compression context: not between authors (TRUST.md § Chunks). */
  sharesContext(): boolean;
}

/** Bodies of one commit, encrypted. */
export interface SealedBodies {
  /** Their objects are durable already. Absent: not stored yet. */
  readonly isStored?: true;
  readonly commit: CommitId;
  readonly keyId: number;
  readonly sharesContext: boolean;
  readonly bodies: readonly Uint8Array[];
  /** Of each body its pieces. */
  readonly pieces: readonly Piece[][];
  readonly objects: readonly SealedObject[];
}

/** Plaintext → encrypted objects. */
export interface BodySealing {
  /**
   * Small bodies in bundles, large ones in chunks, those at `tails` in a chunk of their own where they fit in one. `effort`: how far they
   * are compressed; left out, by their size. O(bytes).
   */
  all(bodies: readonly Uint8Array[], commit: CommitId, keyId: number, tails: ReadonlySet<number>, effort?: Effort): Promise<SealedBodies>;
  /** The chunks of a body that comes with one of the next commits. Never rejects: what fails, fails then. */
  ahead(body: Uint8Array, keyId: number): Promise<void>;
}

const BUNDLE_BYTES = 1024 * 1024;
/** What is stored at once up to this much is compressed as far as it goes: somebody waits for it elsewhere. */
const SMALL_EFFORT_BYTES = 1024 * 1024;
/** A bundle of more takes five times as long that way, to become a twentieth smaller. */
const SMALL_EFFORT_BUNDLE = 128 * 1024;

/** `cache`: takes the plaintext of bundles, which is likely to be read soon. */
export function createBodySealing(deps: BodySealingDeps, cache: ObjectCache): BodySealing {
  const { space, signer, compression, random, sealing } = deps;
  const known = new WeakMap<Uint8Array, { readonly keyId: number; readonly chunks: Promise<readonly SealedChunk[]> }>();

  function chunksOf(body: Uint8Array, keyId: number): Promise<readonly SealedChunk[]> {
    const ahead = known.get(body);
    if (ahead?.keyId === keyId) return ahead.chunks;
    const keys = deps.keys();
    return sealing === undefined ? sealChunks(body, space, keyId, keys, compression) : sealing.chunks(body, space, keyId, keys);
  }

  async function inChunks(body: Uint8Array, keyId: number, sealed: Map<ObjectId, SealedObject>): Promise<Piece[]> {
    const chunks = await chunksOf(body, keyId);
    return chunks.map(({ object, length }) => {
      sealed.set(object.id, object);
      return { object: object.id, keyId, offset: 0, length };
    });
  }

  async function whole(body: Uint8Array, keyId: number, sealed: Map<ObjectId, SealedObject>, effort: Effort): Promise<Piece[]> {
    const object = await sealChunk(body, space, keyId, deps.keys(), compression, effort);
    sealed.set(object.id, object);
    return [{ object: object.id, keyId, offset: 0, length: body.length }];
  }

  /** Each group of `members` in a bundle; fills in their pieces. */
  async function bundle(
    members: readonly number[],
    { bodies, commit, keyId, pieces }: Pick<SealedBodies, 'bodies' | 'commit' | 'keyId'> & { readonly pieces: Piece[][] },
    sealed: Map<ObjectId, SealedObject>,
    effort: Effort,
  ): Promise<void> {
    const plain = Buffer.concat(members.map((index) => bodies[index] as Uint8Array));
    const binding = { space, keyId, signer, commit };
    const spent = plain.length > SMALL_EFFORT_BUNDLE ? 'fast' : effort;
    const object = await (sealing === undefined
      ? sealBundle(plain, binding, deps.keys(), compression, random, spent)
      : sealing.bundle(plain, binding, deps.keys(), spent));
    sealed.set(object.id, object);
    cache.put(object.id, plain);
    let offset = 0;
    for (const index of members) {
      const { length } = bodies[index] as Uint8Array;
      pieces[index] = [{ object: object.id, keyId, offset, length }];
      offset += length;
    }
  }

  return {
    async all(bodies, commit, keyId, tails, given) {
      const effort = given ?? (bodies.reduce((sum, body) => sum + body.length, 0) <= SMALL_EFFORT_BYTES ? 'small' : 'fast');
      const sharesContext = deps.sharesContext();
      const sealed = new Map<ObjectId, SealedObject>();
      const pieces = bodies.map((): Piece[] => []);
      const small = bodies.flatMap((body, index) => (body.length > 0 && body.length < LIMITS.bundledBody ? [index] : []));
      const groups = groupsOf(bodies, small, sharesContext ? BUNDLE_BYTES : 0);
      await Promise.all([
        ...bodies.map(async (body, index) => {
          if (body.length < LIMITS.bundledBody) return;
          const isTail = tails.has(index) && body.length <= LIMITS.chunkMax;
          pieces[index] = await (isTail ? whole(body, keyId, sealed, effort) : inChunks(body, keyId, sealed));
        }),
        ...groups.map((members) => bundle(members, { bodies, commit, keyId, pieces }, sealed, effort)),
      ]);
      return { commit, keyId, sharesContext, bodies, pieces, objects: [...sealed.values()] };
    },
    async ahead(body, keyId) {
      const chunks = chunksOf(body, keyId);
      known.set(body, { keyId, chunks });
      await chunks.catch(() => undefined);
    },
  };
}

/** Whether these are the bodies that were sealed, in their order, as they would be sealed now. */
export function isOf(sealed: SealedBodies, now: Pick<SealedBodies, 'bodies' | 'commit' | 'keyId' | 'sharesContext'>): boolean {
  const isSame = sealed.commit === now.commit && sealed.keyId === now.keyId && sealed.sharesContext === now.sharesContext;
  return isSame && sealed.bodies.length === now.bodies.length && sealed.bodies.every((body, index) => body === now.bodies[index]);
}

/** Small bodies in their order, up to `limit` bytes together. */
function groupsOf(bodies: readonly Uint8Array[], small: readonly number[], limit: number): number[][] {
  const groups: number[][] = [];
  let bytes = 0;
  for (const index of small) {
    const { length } = bodies[index] as Uint8Array;
    const last = groups.at(-1);
    if (last === undefined || bytes + length > limit) {
      groups.push([index]);
      bytes = length;
    } else {
      last.push(index);
      bytes += length;
    }
  }
  return groups;
}
