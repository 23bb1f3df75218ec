import type { Content } from '../content.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import type { ContentDigest, ObjectId, RecordHash } from '../ids.ts';
import type { Item } from '../item.ts';
import type { StoreTransaction, View } from '../ports/store.ts';
import { withBodiesHere, withOwnCopies } from './fallen-bodies.ts';
import { epochAt, withoutPruned } from './land-again.ts';
import { putRelands, readRelands, resealRelands, type Reland } from './reland.ts';
import type { Replica } from './replica.ts';
import { resealViews } from './reseal-views.ts';
import { BACKFILLS } from './space-notes.ts';
import { viewsBehind } from './views-behind.ts';
import { keptNotes, settledNotes } from './writer-notes.ts';

/** What a log that falls back leaves behind. */
export interface Fall {
  /** What lay beyond it, and the drafts, to be landed again. */
  readonly relands: readonly Reland[];
  /** Views that have to name other objects, or show something earlier, by writer. */
  readonly views: ReadonlyMap<string, readonly View[]>;
  /** Bodies as they can be read behind the fall. */
  readonly sealed: ReadonlyMap<ContentDigest, Content>;
  /** Items that will be something else. */
  readonly items: readonly Item[];
  /** Records that had no effect: nobody waits for them. */
  readonly voids: readonly RecordHash[];
}

/** `keys` are all that are known before the fall; `null`: none. Must run inside the replica’s queue. Cost: O(items + views). */
export async function prepareFall(replica: Replica, position: number, keys: SpaceKeys | null): Promise<Fall> {
  const items = await itemsBehind(replica, position);
  const voids = await voidsBehind(replica, position);
  // Without a key there is nothing here that could land again: no commit of ours, and none that could be read.
  if (keys === null) return { relands: [], views: new Map(), sealed: new Map(), items, voids };
  const { deps, space, bodies } = replica;
  const formsOf = (id: ObjectId): readonly ObjectId[] => replica.formsOf(id);
  const read = await readRelands(deps, space, keys, position, replica.drafts);
  const copied = await withOwnCopies(deps, space, read, formsOf);
  const behind = await viewsBehind(replica, copied);
  const found = await withBodiesHere(deps, space, copied, formsOf);
  const keyId = await epochAt(replica, position);
  const relands = await resealRelands(await withoutPruned(replica, found), bodies, keyId);
  const { views, sealed } = await resealViews(replica, relands, keyId, behind);
  return { relands, views, sealed, items, voids };
}

/** The log falls back to there, with all that was prepared, and drafts are none any more. O(views + drafts + records behind it). */
export async function writeFall(
  tx: StoreTransaction,
  { space, drafts }: Pick<Replica, 'space' | 'drafts'>,
  position: number,
  { relands, views, voids }: Fall,
): Promise<void> {
  for (const [writer, changed] of views) {
    await tx.views.put(space, writer, changed);
    for (const notes of [keptNotes(space), settledNotes(space)]) await tx.documents.remove(notes, writer);
  }
  await putRelands(tx, space, relands);
  await tx.drafts.remove(
    space,
    drafts.map(({ id }) => id),
  );
  await tx.logs.fallBack(space, position);
  await tx.logs.dropFallen(space, voids);
  await tx.documents.remove(BACKFILLS, space);
}

/** Items that records behind a position changed, or drafts. */
async function itemsBehind(replica: Replica, position: number): Promise<Item[]> {
  const { deps, space } = replica;
  const found = [...replica.drafts.flatMap(({ changes }) => changes), ...(await replica.siblings())].map(({ item }) => item);
  let after: Item | undefined;
  for (;;) {
    const query = { deleted: true, ...(after === undefined ? {} : { after }), limit: 1_000 };
    const page = await deps.store.read((tx) => tx.items.list(space, query));
    for (const state of page) if (state.position > position) found.push(state.item);
    if (page.length < 1_000) return found;
    after = page.at(-1)?.item;
  }
}

async function voidsBehind({ deps, space }: Replica, position: number): Promise<RecordHash[]> {
  return deps.store.read(async (tx) => {
    const voids: RecordHash[] = [];
    for (const { id } of await tx.documents.list(`voids/${space}`)) {
      if (Number(id) <= position) continue;
      const [record] = await tx.logs.read(space, Number(id), { records: 1, bytes: 1 });
      if (record?.position === Number(id)) voids.push(record.hash);
    }
    return voids;
  });
}
