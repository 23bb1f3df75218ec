import { attributesBytes, type Attributes, type Content, type Piece } from '../content.ts';
import { bodySha256 } from '../crypto/body-hash.ts';
import { openObject, type OpenError, type SealedObject } from '../crypto/object-cipher.ts';
import { contentDigest } from '../crypto/space-keys.ts';
import type { CommitId, ContentDigest, ObjectId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { DamagedObject, type ObjectStore } from '../ports/objects.ts';
import type { Effort } from '../ports/compression.ts';
import { RemoteError } from '../ports/remote.ts';
import type { Result } from '../result.ts';
import { createBodySealing, isOf, type BodySealing, type BodySealingDeps, type SealedBodies } from './body-sealing.ts';
import { ObjectCache } from './object-cache.ts';
import { BodyUnavailable } from './workspace.ts';

export interface BodiesDeps extends BodySealingDeps {
  readonly objects: ObjectStore;
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
const AHEAD_BYTES = 256 * 1024;
const LARGE_BYTES = 1024 * 1024;

/** Holds what the batches of an apply read and what is fetched for the next; given back when nothing happens. */
const CACHE_BYTES = 96 * 1024 * 1024;
/** Small objects that were just sealed, and are likely to be sent at once. */
const SEALED_BYTES = 256 * 1024;

/** The bodies of one space: plaintext ⇄ encrypted objects, in the local store and, on demand, from the remote. */
export class Bodies {
  readonly #deps: BodiesDeps;
  readonly #cache = new ObjectCache(CACHE_BYTES);
  readonly #sealed = new ObjectCache(SEALED_BYTES);
  readonly #sealing: BodySealing;
  /** Objects on their way from the remote: whoever wants one meanwhile waits for that, rather than have it sent twice. */
  readonly #coming = new Map<ObjectId, Promise<void>>();

  constructor(deps: BodiesDeps) {
    this.#deps = deps;
    this.#sealing = createBodySealing(deps, this.#cache);
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
   * behind a body that is stored already: no other body will share their chunks. `ahead`: what {@link sealAhead} made of the
   * same bodies, if it did. Durable when it resolves. Returns each body's pieces. Cost: O(bytes).
   */
  async store(
    bodies: readonly Uint8Array[],
    commit: CommitId,
    keyId: number,
    tails: ReadonlySet<number> = new Set(),
    ahead: SealedBodies | null = null,
  ): Promise<readonly Piece[][]> {
    const isReady = ahead !== null && tails.size === 0 && isOf(ahead, { bodies, commit, keyId, sharesContext: this.#deps.sharesContext() });
    const sealed = isReady ? ahead : await this.#sealing.all(bodies, commit, keyId, tails);
    const { pieces, objects } = sealed;
    if (objects.length > 0 && sealed.isStored !== true) await this.#deps.objects.put(this.#deps.space, objects);
    // Behind that: what is only in memory would pass for being here.
    for (const { id, bytes } of objects) if (bytes.length <= LIMITS.bundledBody) this.#sealed.put(id, bytes);
    return pieces;
  }

  /** Objects as they are stored, for the remote: those of them that are here. What was just sealed is not read again. O(bytes). */
  async toSend(ids: readonly ObjectId[]): Promise<SealedObject[]> {
    const { objects, space } = this.#deps;
    const left = ids.filter((id) => !this.#sealed.has(id));
    const found = left.length === 0 ? new Map<ObjectId, Uint8Array>() : await objects.get(space, left);
    return ids.flatMap((id): SealedObject[] => {
      const bytes = this.#sealed.get(id) ?? found.get(id);
      return bytes === undefined ? [] : [{ id, bytes }];
    });
  }

  /** Those that were just sealed and are small, of which one sees to it that they are here. No look-up. */
  justSealed(ids: readonly ObjectId[]): SealedObject[] {
    return ids.flatMap((id): SealedObject[] => {
      const bytes = this.#sealed.get(id);
      return bytes === undefined ? [] : [{ id, bytes }];
    });
  }

  /**
   * Seals bodies that will be stored soon under a new commit, all of them and in this order, where there are other threads to do it and it is
   * worth it; `null` otherwise. Never rejects: what fails, fails where it is stored.
   */
  async sealAhead(bodies: readonly Uint8Array[], newCommitId: () => CommitId, keyId: number): Promise<SealedBodies | null> {
    const isMuch = bodies.reduce((sum, body) => sum + body.length, 0) >= AHEAD_BYTES;
    if (this.#deps.sealing === undefined || !isMuch) return null;
    return this.#sealing.all(bodies, newCommitId(), keyId, new Set()).catch(() => null);
  }

  /**
   * Seals bodies that will be stored soon under a new commit, all of them and in this order, and stores them already where each is small enough
   * for a bundle: nobody else names such an object, so that nothing can delete it before its commit does. Larger ones are chunks, which
   * a prune may name. `effort`: as of {@link BodySealing.all}. Where the commit is never made they lie there unused. Never rejects: what fails, fails where it is stored. Cost: O(bytes).
   */
  async storeAhead(
    bodies: readonly Uint8Array[],
    newCommitId: () => CommitId,
    keyId: number,
    effort?: Effort,
  ): Promise<SealedBodies | null> {
    try {
      const sealed = await this.#sealing.all(bodies, newCommitId(), keyId, new Set(), effort);
      if (bodies.some((body) => body.length >= LIMITS.bundledBody)) return sealed;
      if (sealed.objects.length > 0) await this.#deps.objects.put(this.#deps.space, sealed.objects);
      return { ...sealed, isStored: true };
    } catch {
      return null;
    }
  }

  /** Seals one large body that will be stored soon, in whatever commit, where there are other threads to do it. Never rejects. */
  async sealLargeAhead(body: Uint8Array, keyId: number): Promise<void> {
    if (this.#deps.sealing !== undefined && body.length >= LARGE_BYTES) await this.#sealing.ahead(body, keyId);
  }

  /**
   * The body from `offset` on. A whole body is checked against its digest. Throws {@link BodyUnavailable}.
   * Cost: O(bytes read), plus a round trip where objects are not here.
   */
  async read(content: Content, offset = 0): Promise<Uint8Array> {
    if (!this.#isClose(content)) await this.prefetch([content], offset);
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

  /** Whether all of it is in memory: so is what is read by the thousand, in bundles. */
  #isClose({ pieces }: Content): boolean {
    return pieces.every(({ object }) => this.#cache.has(object) && !this.isReplaced(object));
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
    const missing = [...wanted].filter(([id]) => !here.has(id) && !this.#cache.has(id));
    const coming = new Set(missing.flatMap(([id]) => this.#coming.get(id) ?? []));
    const batches = batchesOf(missing.filter(([id]) => !this.#coming.has(id)));
    for (let i = 0; i < batches.length; i += PARALLEL_FETCHES) {
      await Promise.all(batches.slice(i, i + PARALLEL_FETCHES).map((ids) => this.#bringOnce(ids)));
    }
    await Promise.all(coming);
  }

  /** An object as stored, fetched where it is not here. Throws {@link BodyUnavailable}. */
  async object(id: ObjectId): Promise<Uint8Array> {
    const { objects, space } = this.#deps;
    const here = await this.#stored(id);
    if (typeof here !== 'string' && here !== null) return here;
    await this.#bringInPlaceOf(id, here);
    const fetched = (await objects.get(space, [id])).get(id);
    if (fetched === undefined) throw this.#missing(id);
    return fetched;
  }

  /** An object as it lies here; `null` where it does not, or what is wrong with it. */
  async #stored(id: ObjectId): Promise<Uint8Array | string | null> {
    const { objects, space } = this.#deps;
    try {
      return (await objects.get(space, [id])).get(id) ?? null;
    } catch (error) {
      if (error instanceof DamagedObject) return error.message;
      throw error;
    }
  }

  /** Brings an object that is not here, or `damaged` here: a good one from the remote takes its place. Throws {@link BodyUnavailable}. */
  async #bringInPlaceOf(id: ObjectId, damaged: string | null): Promise<Uint8Array | undefined> {
    try {
      await this.#bring([id]);
    } catch (error) {
      if (damaged === null || !(error instanceof BodyUnavailable)) throw error;
    }
    const plain = this.#cache.get(id);
    if (damaged !== null && plain === undefined) throw new BodyUnavailable('damaged', damaged);
    return plain;
  }

  #missing(id: ObjectId): BodyUnavailable {
    const dropped = this.#deps.dropped(id);
    if (dropped !== null) return new BodyUnavailable(dropped, `this body was ${dropped}`);
    return new BodyUnavailable(
      'withheld',
      `the remote does not have its content (object ${id.slice(0, 12)}): a machine that has it brings it again`,
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

  /** Keeps nothing in memory: something was dropped, or the node is idle. */
  forgetPlain(): void {
    this.#cache.clear();
    this.#sealed.clear();
  }

  async #bringOnce(ids: readonly ObjectId[]): Promise<void> {
    const bringing = this.#bring(ids);
    for (const id of ids) this.#coming.set(id, bringing);
    try {
      await bringing;
    } finally {
      for (const id of ids) if (this.#coming.get(id) === bringing) this.#coming.delete(id);
    }
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
    }
    if (good.length > 0) await objects.put(space, good);
    // Behind that: what is only in memory would pass for being here.
    for (const [index, { id }] of came.entries()) {
      const plain = opened[index];
      if (plain?.ok === true) this.#cache.put(id, plain.value);
    }
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
    const { space, compression } = this.#deps;
    const bytes = await this.#stored(id);
    if (bytes === null) throw this.#missing(id);
    if (typeof bytes === 'string') return (await this.#bringInPlaceOf(id, bytes)) as Uint8Array;
    if (this.#deps.keys().epoch(keyId) === undefined) throw new BodyUnavailable('no-key', `the key of epoch ${keyId} is not here`);
    const plain = await openObject({ id, bytes }, space, this.#deps.keys(), compression);
    if (!plain.ok)
      throw new BodyUnavailable('damaged', plain.error.type === 'damaged' ? plain.error.reason : `no key for epoch ${plain.error.keyId}`);
    return plain.value;
  }
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
