import { attributesBytes, type Attributes, type Content, type Piece } from '../content.ts';
import { bodySha256 } from '../crypto/body-hash.ts';
import { openObject, sealBundle, sealChunk, type OpenError, type SealedObject } from '../crypto/object-cipher.ts';
import { contentDigest, type SpaceKeys } from '../crypto/space-keys.ts';
import { sealChunks } from '../crypto/seal-chunks.ts';
import type { CommitId, ContentDigest, MachineId, ObjectId, SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Compression, Effort } from '../ports/compression.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { Random } from '../ports/random.ts';
import { RemoteError } from '../ports/remote.ts';
import type { SealedChunk, Sealing } from '../ports/sealing.ts';
import type { Result } from '../result.ts';
import { PlainCache } from './plain-cache.ts';
import { BodyUnavailable } from './workspace.ts';

export interface BodiesDeps {
  readonly objects: ObjectStore;
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
  /** Asks the home remote for objects; throws RemoteError. */
  fetch(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  /** Why an object may be missing everywhere: dropped by a prune or an erase record. */
  dropped(id: ObjectId): 'pruned' | 'erased' | null;
  /** An object and what erase records put in its place, oldest first. */
  forms(id: ObjectId): readonly ObjectId[];
}

const FETCH_BYTES = 8 * 1024 * 1024;
const FETCH_IDS = 1_000;
const PARALLEL_FETCHES = 4;
const BUNDLE_BYTES = 1024 * 1024;
const AHEAD_BYTES = 1024 * 1024;
/** What is stored at once up to this much is compressed as far as it goes: somebody waits for it elsewhere. */
const SMALL_EFFORT_BYTES = 1024 * 1024;

/** Holds what one batch of an apply reads and what is fetched for the next; given back when nothing happens. */
const CACHE_BYTES = 48 * 1024 * 1024;

/** The bodies of one space: plaintext ⇄ encrypted objects, in the local store and, on demand, from the remote. */
export class Bodies {
  readonly #deps: BodiesDeps;
  readonly #cache = new PlainCache(CACHE_BYTES);
  /** Bodies that are being sealed before they are stored. */
  readonly #ahead = new WeakMap<Uint8Array, { readonly keyId: number; readonly chunks: Promise<readonly SealedChunk[]> }>();

  constructor(deps: BodiesDeps) {
    this.#deps = deps;
  }

  /** The keyed digest of a whole body. */
  digest(bodySha256: Uint8Array, attributes: Attributes): ContentDigest {
    return contentDigest(this.#deps.keys().digestKey, bodySha256, attributesBytes(attributes));
  }

  digestOf(body: Uint8Array, attributes: Attributes): ContentDigest {
    return this.digest(bodySha256(body), attributes);
  }

  /**
   * Seals bodies under the epoch `keyId` and stores them: small ones bundled, large ones in chunks. Those at `tails` go
   * behind a body that is stored already: no other body will share their chunks. Durable when it resolves. Returns each
   * body's pieces. Cost: O(bytes).
   */
  async store(bodies: readonly Uint8Array[], commit: CommitId, keyId: number, tails: ReadonlySet<number> = new Set()): Promise<Piece[][]> {
    const effort = bodies.reduce((sum, body) => sum + body.length, 0) <= SMALL_EFFORT_BYTES ? 'small' : 'fast';
    const sealed = new Map<ObjectId, SealedObject>();
    const pieces = bodies.map((): Piece[] => []);
    const small: number[] = [];
    await Promise.all(
      bodies.map(async (body, index) => {
        if (body.length === 0) return;
        if (body.length < LIMITS.bundledBody) small.push(index);
        else if (tails.has(index) && body.length <= LIMITS.chunkMax) pieces[index] = await this.#storeWhole(body, keyId, sealed, effort);
        else pieces[index] = await this.#storeChunks(body, keyId, sealed);
      }),
    );
    small.sort((a, b) => a - b);
    await this.#storeBundles(bodies, small, commit, keyId, pieces, sealed, effort);
    if (sealed.size > 0) await this.#deps.objects.put(this.#deps.space, [...sealed.values()]);
    return pieces;
  }

  async #storeChunks(body: Uint8Array, keyId: number, sealed: Map<ObjectId, SealedObject>): Promise<Piece[]> {
    const ahead = this.#ahead.get(body);
    const chunks = await (ahead?.keyId === keyId ? ahead.chunks : this.#seal(body, keyId));
    return chunks.map(({ object, length }) => {
      sealed.set(object.id, object);
      return { object: object.id, keyId, offset: 0, length };
    });
  }

  /** Seals a body that will be stored soon, where there are other threads to do it. Never rejects. */
  async sealAhead(body: Uint8Array, keyId: number): Promise<void> {
    if (this.#deps.sealing === undefined || body.length < AHEAD_BYTES) return;
    const chunks = this.#seal(body, keyId);
    this.#ahead.set(body, { keyId, chunks });
    await chunks.catch(() => undefined); // thrown where it is stored
  }

  #seal(body: Uint8Array, keyId: number): Promise<readonly SealedChunk[]> {
    const { sealing, space, compression } = this.#deps;
    const keys = this.#deps.keys();
    return sealing === undefined ? sealChunks(body, space, keyId, keys, compression) : sealing.chunks(body, space, keyId, keys);
  }

  async #storeWhole(body: Uint8Array, keyId: number, sealed: Map<ObjectId, SealedObject>, effort: Effort): Promise<Piece[]> {
    const { space, compression } = this.#deps;
    const object = await sealChunk(body, space, keyId, this.#deps.keys(), compression, effort);
    sealed.set(object.id, object);
    return [{ object: object.id, keyId, offset: 0, length: body.length }];
  }

  async #storeBundles(
    bodies: readonly Uint8Array[],
    small: readonly number[],
    commit: CommitId,
    keyId: number,
    pieces: Piece[][],
    sealed: Map<ObjectId, SealedObject>,
    effort: Effort,
  ): Promise<void> {
    const { space, signer, compression, random, sealing } = this.#deps;
    const limit = this.#deps.sharesContext() ? BUNDLE_BYTES : 0;
    await Promise.all(
      groupsOf(bodies, small, limit).map(async (members) => {
        const plain = Buffer.concat(members.map((index) => bodies[index] as Uint8Array));
        const binding = { space, keyId, signer, commit };
        const object = await (sealing === undefined
          ? sealBundle(plain, binding, this.#deps.keys(), compression, random, effort)
          : sealing.bundle(plain, binding, this.#deps.keys(), effort));
        sealed.set(object.id, object);
        this.#cache.put(object.id, plain);
        let offset = 0;
        for (const index of members) {
          const { length } = bodies[index] as Uint8Array;
          pieces[index] = [{ object: object.id, keyId, offset, length }];
          offset += length;
        }
      }),
    );
  }

  /**
   * The body from `offset` on. A whole body is checked against its digest. Throws {@link BodyUnavailable}.
   * Cost: O(bytes read), plus a round trip where objects are not here.
   */
  async read(content: Content, offset = 0): Promise<Uint8Array> {
    await this.prefetch([content], offset);
    const parts: Uint8Array[] = [];
    let position = 0;
    for (const piece of content.pieces) {
      const skip = Math.max(0, offset - position);
      position += piece.length;
      if (skip >= piece.length) continue;
      parts.push((await this.#piece(piece)).subarray(skip));
    }
    const body = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    if (offset === 0 && this.digestOf(body, content.attributes) !== content.digest) {
      if (content.pieces.some((piece) => this.isReplaced(piece.object))) throw new BodyUnavailable('erased', 'this body was erased');
      throw new BodyUnavailable('damaged', 'the body does not match its digest: its author or a key holder wrote it wrong');
    }
    return body;
  }

  /** The first `bytes` of the body, or some more; not checked against its digest. Throws {@link BodyUnavailable}. O(bytes). */
  async readStart(content: Content, bytes: number): Promise<Uint8Array> {
    let size = 0;
    const pieces = content.pieces.filter((piece) => {
      const wanted = size < bytes;
      size += piece.length;
      return wanted;
    });
    await this.prefetch([{ ...content, pieces }]);
    return Buffer.concat(await Promise.all(pieces.map((piece) => this.#piece(piece))));
  }

  /** Brings the objects of these contents here, in few round trips. Throws {@link BodyUnavailable} when offline. */
  async prefetch(contents: readonly Content[], offset = 0): Promise<void> {
    const wanted = new Map<ObjectId, number>();
    for (const content of contents) {
      let position = 0;
      for (const piece of content.pieces) {
        position += piece.length;
        const id = this.isReplaced(piece.object) ? await this.#standsFor(piece.object) : piece.object;
        if (position > offset && !this.#cache.has(id)) wanted.set(id, (wanted.get(id) ?? 0) + piece.length);
      }
    }
    if (wanted.size === 0) return;
    const here = await this.#deps.objects.has(this.#deps.space, [...wanted.keys()]);
    // A dropped object may have come back with a later record: the remote knows.
    const missing = [...wanted].filter(([id]) => !here.has(id));
    const batches = batchesOf(missing);
    for (let i = 0; i < batches.length; i += PARALLEL_FETCHES) {
      await Promise.all(batches.slice(i, i + PARALLEL_FETCHES).map((ids) => this.#bring(ids)));
    }
  }

  /** An object as stored, fetched where it is not here. Throws {@link BodyUnavailable}. */
  async object(id: ObjectId): Promise<Uint8Array> {
    const { objects, space } = this.#deps;
    const here = (await objects.get(space, [id])).get(id);
    if (here !== undefined) return here;
    await this.#bring([id]);
    const fetched = (await objects.get(space, [id])).get(id);
    if (fetched === undefined) throw this.#missing(id);
    return fetched;
  }

  #missing(id: ObjectId): BodyUnavailable {
    const dropped = this.#deps.dropped(id);
    if (dropped !== null) return new BodyUnavailable(dropped, `this body was ${dropped}`);
    return new BodyUnavailable(
      'withheld',
      `the remote does not have its content (object ${id.slice(0, 12)}): the machine that wrote it brings it`,
    );
  }

  /** The object to read: the oldest form that a draft keeps here, which lacks the least; else the newest. */
  async #standsFor(id: ObjectId): Promise<ObjectId> {
    const forms = this.#deps.forms(id);
    const newest = forms.at(-1) as ObjectId;
    if (forms.length === 1) return newest;
    const here = await this.#deps.objects.has(this.#deps.space, forms);
    return forms.find((form) => here.has(form)) ?? newest;
  }

  /** Whether an erase record put another object in the place of this one. */
  isReplaced(id: ObjectId): boolean {
    return this.#deps.forms(id).length > 1;
  }

  /** Keeps nothing decrypted in memory: something was dropped, or the node is idle. */
  forgetPlain(): void {
    this.#cache.clear();
  }

  async #bring(ids: readonly ObjectId[]): Promise<void> {
    const { space, objects } = this.#deps;
    const found = await this.#deps.fetch(ids).catch((error: unknown) => {
      if (!(error instanceof RemoteError)) throw error;
      if (ids.every((id) => this.#deps.dropped(id) !== null)) return new Map<ObjectId, Uint8Array>();
      throw new BodyUnavailable('offline', `the remote cannot be asked now: ${error.message}`);
    });
    // Only what opens is kept: a remote cannot plant anything else here.
    const good: SealedObject[] = [];
    const came = ids.flatMap((id): SealedObject[] => {
      const bytes = found.get(id);
      return bytes === undefined ? [] : [{ id, bytes }];
    });
    const opened = await this.#openAll(came);
    for (const [index, object] of came.entries()) {
      const plain = opened[index];
      if (plain?.ok !== true) continue;
      good.push(object);
      this.#cache.put(object.id, plain.value);
    }
    if (good.length > 0) await objects.put(space, good);
  }

  #openAll(sealed: readonly SealedObject[]): Promise<readonly Result<Uint8Array, OpenError>[]> {
    const { sealing, space, compression } = this.#deps;
    const keys = this.#deps.keys();
    return sealing === undefined
      ? Promise.all(sealed.map((object) => openObject(object, space, keys, compression)))
      : sealing.open(sealed, space, keys);
  }

  async #piece(piece: Piece): Promise<Uint8Array> {
    const id = this.isReplaced(piece.object) ? await this.#standsFor(piece.object) : piece.object;
    let plain = this.#cache.get(id);
    if (plain === undefined) {
      plain = await this.#open(id, piece.keyId);
      this.#cache.put(id, plain);
    }
    if (piece.offset + piece.length > plain.length) throw new BodyUnavailable('damaged', `object ${id} is shorter than the log says`);
    return plain.subarray(piece.offset, piece.offset + piece.length);
  }

  async #open(id: ObjectId, keyId: number): Promise<Uint8Array> {
    const { objects, space, compression } = this.#deps;
    const bytes = (await objects.get(space, [id])).get(id);
    if (bytes === undefined) throw this.#missing(id);
    if (this.#deps.keys().epoch(keyId) === undefined) throw new BodyUnavailable('no-key', `the key of epoch ${keyId} is not here`);
    const plain = await openObject({ id, bytes }, space, this.#deps.keys(), compression);
    if (!plain.ok)
      throw new BodyUnavailable('damaged', plain.error.type === 'damaged' ? plain.error.reason : `no key for epoch ${plain.error.keyId}`);
    return plain.value;
  }
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

function batchesOf(missing: readonly (readonly [ObjectId, number])[]): ObjectId[][] {
  const batches: ObjectId[][] = [];
  let batch: ObjectId[] = [];
  let bytes = 0;
  for (const [id, length] of missing) {
    if (batch.length > 0 && (bytes + length > FETCH_BYTES || batch.length >= FETCH_IDS)) {
      batches.push(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(id);
    bytes += length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
