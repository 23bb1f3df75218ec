import type { Store } from '../../core/ports/store.ts';
import { sameRow } from '../../kinds/rows/collided-columns.ts';
import { heldBefore } from '../../gateways/claude-mem/held-base.ts';
import { KIND_OF } from '../../gateways/claude-mem/kind-of.ts';
import { createNameBook } from '../../gateways/claude-mem/name-book.ts';
import { layRow, payloadToRow } from '../../gateways/claude-mem/op-rows.ts';
import { memItem, type RowsOfSpace } from '../../gateways/claude-mem/rows-of-space.ts';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { feedOf, type SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import type { MemTable } from '../../kinds/claude-mem/tables.ts';
import type { CopyDeps } from '../../sources/sqlite-rows/views-for-copy.ts';

/**
 * What the rows of a copy are that its worker pushed into this node's feed, and that say more since: its device's last word of each is what it is made
 * from, by whatever words it is told now. `isSent`: of those that say no more. A number alone says little: the time has to be the same.
 */
export async function toldOfCopy(deps: {
  readonly store: Store;
  readonly feeds: Pick<SyncFeeds, 'index'>;
  readonly rows: RowsOfSpace;
  readonly user: string;
  readonly device: string;
  readonly isSent: (table: string, rowid: number) => boolean;
}): Promise<NonNullable<CopyDeps['told']>> {
  const { store, feeds, rows, user, device, isSent } = deps;
  const index = await feeds.index(user);
  const names = await createNameBook({ store, user, rows });
  const entry = async (number: number) =>
    (await store.read((tx) => tx.feeds.read(feedOf(user), number - 1, { entries: 1, bytes: 1 })))[0] ?? null;

  return async (table, found, session) => {
    const kind = KIND_OF[table as MemTable];
    if (kind === null || session === null || isSent(table, found.rowid)) return null;
    const entity = rowId(kind, device, String(found.rowid));
    // Not what was written into its database since: which one that was, nobody knows.
    const payload = await heldBefore({ entity, number: index.last + 1, origin: device }, { index, entry }, null);
    if (payload === null || Number(payload['created_at_epoch']) !== found.row.get('created_at_epoch')) return null;
    const held = payloadToRow(kind, payload, session);
    const name = (await rows.row(held.name)) === null ? names.of(held.name) : held.name;
    const said = await rows.said(name);
    for (const content of said) {
      const there = await rows.rowOf(content);
      if (there !== null && sameRow(layRow(kind, held.row, there), there)) return { item: memItem(name), content };
    }
    // What it says otherwise than the oldest state is its edit, or a conflict.
    const oldest = said.at(-1);
    return oldest === undefined ? null : { item: memItem(name), content: oldest };
  };
}
