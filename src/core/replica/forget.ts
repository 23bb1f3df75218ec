import type { Content, Piece } from '../content.ts';
import { openObject, sealBundle, type SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { LogRecord } from '../log/record.ts';
import type { Remote } from '../ports/remote.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { appendControl, NotAllowed } from './administer.ts';
import { isBackfilling } from './late-join.ts';
import { pinnedContents } from './live-objects.ts';
import { obeyDrops } from './prune-obey.ts';
import type { Replica } from './replica.ts';
import { sealText } from './sealed-text.ts';
import { BodyUnavailable } from './workspace.ts';

/** Bodies to erase: all that the log holds of these items, or one body of one. */
export interface ForgetTarget {
  readonly items: readonly Item[];
  /** Of one item only, and not its current one. */
  readonly digest?: Content['digest'];
  /** For the members' audit, sealed for them. */
  readonly reason: string;
}

export interface ForgetPlan {
  readonly bodies: number;
  /** Objects that hold nothing else. */
  readonly objects: readonly ObjectId[];
  /** Objects from which these slices are cut. */
  readonly cut: readonly { readonly id: ObjectId; readonly pieces: readonly Piece[] }[];
  /** Items whose bodies lie in the very same bytes: they must be forgotten too, or the bytes stay. */
  readonly sharedWith: readonly Item[];
  /** Items that still are current, or have an open sibling: they must be deleted in the log first. */
  readonly current: readonly Item[];
}

const PAGE = 2_000;
const CUT_PER_RECORD = 5_000;

/** What would be erased, and what stands in the way. Changes nothing. O(history). */
export async function planForget(replica: Replica, target: ForgetTarget): Promise<ForgetPlan> {
  return replica.deps.store.read((tx) => planIn(tx, replica, target));
}

async function planIn(tx: StoreTransaction, replica: Replica, target: ForgetTarget): Promise<ForgetPlan> {
  const wanted = new Set(target.items.map(itemKey));
  const mine = new Map<ObjectId, Piece[]>();
  const others = new Map<ObjectId, { readonly piece: Piece; readonly item: Item | null }[]>();
  const digests = new Set<string>();
  await eachContent(tx, replica, (item, content) => {
    const isMine = wanted.has(itemKey(item)) && (target.digest === undefined || content.digest === target.digest);
    if (isMine) digests.add(content.digest);
    for (const piece of content.pieces) {
      const id = replica.replacementOf(piece.object);
      if (isMine) listAt(mine, id).push(piece);
      else listAt(others, id).push({ piece, item });
    }
  });
  for (const draft of (await pinnedContents(tx, replica)).drafts)
    for (const piece of draft.pieces) listAt(others, replica.replacementOf(piece.object)).push({ piece, item: null });

  const objects: ObjectId[] = [];
  const cut: { id: ObjectId; pieces: Piece[] }[] = [];
  const shared = new Map<string, Item>();
  for (const [id, pieces] of mine) {
    if (replica.droppedObject(id) === 'erased') continue;
    const near = others.get(id) ?? [];
    for (const other of near) {
      if (other.item !== null && pieces.some((piece) => overlaps(piece, other.piece))) shared.set(itemKey(other.item), other.item);
    }
    if (near.length === 0) objects.push(id);
    else cut.push({ id, pieces });
  }
  return { bodies: digests.size, objects, cut, sharedWith: [...shared.values()], current: await stillCurrent(tx, replica, target) };
}

async function stillCurrent(tx: StoreTransaction, replica: Replica, { items, digest }: ForgetTarget): Promise<Item[]> {
  const states = await tx.items.get(replica.space, items);
  const open = await tx.items.siblings(replica.space);
  const holds = (content: Content | null): boolean => content !== null && (digest === undefined || content.digest === digest);
  return items.filter(
    (item) => holds(states.get(itemKey(item))?.content ?? null) || open.some((s) => itemKey(s.item) === itemKey(item) && holds(s.content)),
  );
}

/** Every content that the log ever held. */
async function eachContent(tx: StoreTransaction, replica: Replica, visit: (item: Item, content: Content) => void): Promise<void> {
  let before: number | undefined;
  for (;;) {
    const page = await tx.items.historyByPosition(replica.space, { ...(before === undefined ? {} : { before }), limit: PAGE });
    for (const { item, content } of page) if (content !== null) visit(item, content);
    const last = page.at(-1);
    if (last === undefined) return;
    before = last.position;
  }
}

/**
 * Erases bodies everywhere, for ever: bundles that also hold other bodies are replaced by others with zeros in the
 * place, uploaded first; an owner-signed erase record names both; this node obeys it now, others when they read it.
 * The items must be deleted in the log before. Throws {@link NotAllowed}, RemoteError, BodyUnavailable. `null` where
 * nothing is left to erase.
 */
export async function forget(replica: Replica, remote: Remote, target: ForgetTarget): Promise<LogRecord | null> {
  if (await isBackfilling(replica)) throw new NotAllowed('the history of this space is still being fetched: try again when it is here');
  let last: LogRecord | null = null;
  for (;;) {
    let isWhole = true;
    const record = await appendControl(replica, remote, async () => {
      const plan = await planForget(replica, target);
      if (plan.current.length > 0) throw new NotAllowed(`${plan.current[0]?.name} is current again: another machine changed it meanwhile`);
      if (plan.sharedWith.length > 0) throw new NotAllowed(`${plan.sharedWith[0]?.name} holds the very same bytes: forget it too`);
      if (plan.objects.length + plan.cut.length === 0) return null;
      const objects = plan.objects.slice(0, CUT_PER_RECORD);
      isWhole = objects.length === plan.objects.length;
      const replaced: { from: ObjectId; to: ObjectId }[] = [];
      const older: ObjectId[] = [];
      for (const { id, pieces } of plan.cut) {
        if (older.length === CUT_PER_RECORD) {
          isWhole = false;
          break;
        }
        const object = await withZeros(replica, id, pieces);
        if (object === null) continue;
        if (object === 'pruned') {
          // All that lay in it was let go: it goes as a whole, also where a machine still keeps it for its views.
          older.push(id);
          continue;
        }
        await remote.putObjects(replica.space, [object]);
        for (const from of new Set([id, ...pieces.map((piece) => piece.object)])) replaced.push({ from, to: object.id });
        older.push(id);
      }
      if (objects.length + older.length === 0) return null;
      const { space, keyId, keys, deps } = replica;
      return {
        op: 'erase',
        objects: [...objects, ...older],
        replaced,
        sealedReason: await sealText(target.reason, space, keyId, keys, deps),
      };
    });
    last = record ?? last;
    await obeyDrops(replica, remote);
    if (record === null || isWhole) return last;
  }
}

/** A new bundle like object `id`, with zeros where the pieces are, durable here; `null` where they are zeros already. */
async function withZeros(replica: Replica, id: ObjectId, pieces: readonly Piece[]): Promise<SealedObject | 'pruned' | null> {
  const { space, keyId, keys, machine, deps, bodies } = replica;
  const bytes = await bodies.object(id).catch((error: unknown) => {
    if (error instanceof BodyUnavailable && error.reason === 'pruned') return null;
    throw error;
  });
  if (bytes === null) return 'pruned';
  const opened = await openObject({ id, bytes }, space, keys, deps.compression);
  if (!opened.ok) throw new Error(`object ${id} does not open, so nothing can be cut from it; run: satchel store verify --read-data`);
  const plain = Buffer.from(opened.value);
  for (const { offset, length } of pieces) plain.fill(0, offset, offset + length);
  if (plain.equals(opened.value)) return null;
  const binding = { space, keyId, signer: machine, commit: replica.newCommitId() };
  const object = await sealBundle(plain, binding, keys, deps.compression, deps.random);
  await deps.objects.put(space, [object]);
  return object;
}

function overlaps(a: Piece, b: Piece): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

function listAt<T>(map: Map<ObjectId, T[]>, id: ObjectId): T[] {
  const list = map.get(id) ?? [];
  map.set(id, list);
  return list;
}
