import type { Content } from '../content.ts';
import type { ObjectId } from '../ids.ts';
import { itemKey } from '../item.ts';
import type { Remote } from '../ports/remote.ts';
import type { HistoryEntry, StoreTransaction } from '../ports/store.ts';
import { appendControl } from './administer.ts';
import { liveContents, objectsOf, pinnedContents } from './live-objects.ts';
import { seenBefore } from './prune-seen.ts';
import { obeyDrops } from './prune-obey.ts';
import type { Replica } from './replica.ts';

export interface PrunePolicy {
  /** Milliseconds since this node first saw that a body was superseded. */
  readonly olderThan: number;
  /** Newest bodies of each item that stay whatever their age, the current one included. */
  readonly keep: number;
}

/** What a prune would drop. */
export interface PrunePlan {
  readonly objects: readonly ObjectId[];
  /** Superseded bodies that go with them, and their plaintext bytes as far as nothing else holds them. */
  readonly bodies: number;
  readonly bytes: number;
}

const PAGE = 2_000;
const OBJECTS_PER_RECORD = 30_000;

/**
 * The objects that hold nothing but superseded bodies past the policy's age. Heads, open siblings, what this node's
 * views and drafts need, and every object that also holds a byte of those, stay. O(history).
 */
export async function planPrune(replica: Replica, policy: PrunePolicy): Promise<PrunePlan> {
  return replica.deps.store.read(async (tx) => {
    const until = await seenBefore(tx, replica.space, replica.deps.clock.now() - policy.olderThan);
    const { drafts, views } = await pinnedContents(tx, replica);
    const kept = objectsOf(await liveContents(tx, replica), replica);
    objectsOf(drafts, replica, kept);
    objectsOf(views, replica, kept);
    const old: Content[] = [];
    await eachBody(tx, replica, policy.keep, (content, supersededAt) => {
      if (supersededAt <= until) old.push(content);
      else objectsOf([content], replica, kept);
    });
    return planOf(old, kept, replica);
  });
}

function planOf(old: readonly Content[], kept: ReadonlySet<ObjectId>, replica: Replica): PrunePlan {
  const objects = new Set<ObjectId>();
  const slices = new Set<string>();
  let [bodies, bytes] = [0, 0];
  for (const { pieces } of old) {
    let loses = false;
    for (const { object, offset, length } of pieces) {
      const id = replica.replacementOf(object);
      if (kept.has(id) || replica.droppedObject(id) !== null) continue;
      loses = true;
      objects.add(id);
      const slice = `${id} ${offset} ${length}`;
      if (!slices.has(slice)) bytes += length;
      slices.add(slice);
    }
    if (loses) bodies += 1;
  }
  return { objects: [...objects], bodies, bytes };
}

/**
 * Every body of the history that is not among the newest `keep` of its item, with the position at which the log
 * superseded it: that of the next change of the item, or its own where it never was current.
 */
async function eachBody(
  tx: StoreTransaction,
  replica: Replica,
  keep: number,
  visit: (content: Content, supersededAt: number) => void,
): Promise<void> {
  const newer = new Map<string, { readonly position: number; readonly bodies: number }>();
  let before: number | undefined;
  for (;;) {
    const page = await tx.items.historyByPosition(replica.space, { ...(before === undefined ? {} : { before }), limit: PAGE });
    for (const record of recordsOf(page)) {
      for (const entry of record.toSorted((a, b) => b.index - a.index)) {
        const key = itemKey(entry.item);
        const later = newer.get(key);
        if (entry.type === 'keep' || entry.type === 'collapsed') {
          if (entry.content !== null) visit(entry.content, entry.position);
          continue;
        }
        const bodies = (later?.bodies ?? 0) + (entry.content === null ? 0 : 1);
        newer.set(key, { position: entry.position, bodies });
        if (entry.content === null) continue;
        // What is within `keep` counts as superseded never, so that its objects stay.
        visit(entry.content, later === undefined || bodies <= keep ? Number.POSITIVE_INFINITY : later.position);
      }
    }
    const last = page.at(-1);
    if (last === undefined) return;
    before = last.position;
  }
}

function recordsOf(entries: readonly HistoryEntry[]): HistoryEntry[][] {
  const records = new Map<number, HistoryEntry[]>();
  for (const entry of entries) {
    const record = records.get(entry.position);
    if (record === undefined) records.set(entry.position, [entry]);
    else record.push(entry);
  }
  return [...records.values()];
}

/**
 * Drops superseded bodies everywhere: owner-signed prune records, then this node obeys them; others do when they read
 * them. Goes on where it was interrupted. Needs the home remote; throws NotAllowed, RemoteError.
 */
export async function prune(
  replica: Replica,
  remote: Remote,
  policy: PrunePolicy,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<PrunePlan> {
  const done = { objects: [] as ObjectId[], bodies: 0, bytes: 0 };
  for (;;) {
    let plan: PrunePlan = { objects: [], bodies: 0, bytes: 0 };
    // Planned behind each head anew: what another machine made current meanwhile stays.
    const record = await appendControl(replica, remote, async () => {
      plan = await planPrune(replica, policy);
      return plan.objects.length === 0 ? null : { op: 'prune', objects: plan.objects.slice(0, OBJECTS_PER_RECORD) };
    });
    await obeyDrops(replica, remote);
    if (record === null) return done;
    done.objects.push(...plan.objects.slice(0, OBJECTS_PER_RECORD));
    if (done.bodies === 0) [done.bodies, done.bytes] = [plan.bodies, plan.bytes];
    onProgress(done.objects.length, Math.max(done.objects.length, plan.objects.length));
    if (plan.objects.length <= OBJECTS_PER_RECORD) return done;
  }
}
