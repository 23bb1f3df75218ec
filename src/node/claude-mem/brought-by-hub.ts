import path from 'node:path';
import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import { payloadToRow, SAID_BY_SESSION, type Payload } from '../../gateways/claude-mem/op-rows.ts';
import { PAYLOAD_FIELDS, type RowKind } from '../../gateways/claude-mem/payload.ts';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { meaningOf } from '../../gateways/claude-mem/served-rows.ts';
import { spaceMark } from '../../gateways/claude-mem/space-served.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { MEM_PREFIX } from '../../kinds/claude-mem/names.ts';
import type { RowValue } from '../../kinds/rows/row-body.ts';
import { OWN_TABLES, readStandingRows } from '../../sources/claude-mem/own-rows.ts';
import type { BroughtAs } from '../../sources/sqlite-rows/moved-on-views.ts';
import { readForeign } from '../read-foreign.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { payloadOf, type ItemAt } from './adopt-served.ts';
import { readSpaceServed } from './await-served.ts';
import { readRemoteOps } from './remote-feed.ts';
import { readDeviceId, readSyncSettings } from './settings-edit.ts';
import { isPrivate, readSyncPath } from './sync-path.ts';

/** A row that this machine's worker got from a hub, and that does not say what it was served as, as far as the feed was read. */
interface Doubtful {
  readonly kind: RowKind;
  readonly local: string;
  readonly revision: string;
  readonly meaning: string;
  /** The newest state that the row can be an edit of. */
  base: { readonly revision: string; readonly payload: Payload } | null;
}

/** Rows of other devices, by entity, that no item of the space is known to be. O(rows). */
function doubtfulRows(file: string, itemAt: ItemAt): Map<string, Doubtful> {
  const found = new Map<string, Doubtful>();
  for (const page of readStandingRows(file)) {
    for (const row of page) {
      const { kind, local, origin, revision } = row;
      const payload = origin === null || itemAt(kind, local) !== null ? null : payloadOf(row);
      if (origin === null || payload === null) continue;
      found.set(rowId(kind, origin.device, origin.local), { kind, local, revision, meaning: meaningOf(kind, payload), base: null });
    }
  }
  return found;
}

/**
 * Before a worker leaves a hub of whose rows no space tells: what it got there and what says something else in its database by now, since nobody but the
 * hub knows which row that is. `null` where there is no such row. The error says why it could not be asked. O(rows), and O(feed) over the
 * network where there are rows of that hub alone. Throws where the database cannot be read.
 */
export async function readBroughtByHub(
  { home, spaces, claudeMemWorker: { claudeMemHome } }: Pick<SatchelNode, 'home' | 'spaces' | 'claudeMemWorker'>,
  itemAt: ItemAt,
): Promise<Result<BroughtAs | null, string>> {
  const way = await readSyncPath(home, claudeMemHome);
  if (way.type !== 'gateway') return ok(null);
  const settings = await readForeign(path.join(claudeMemHome, 'settings.json'));
  const device = settings.ok ? readDeviceId(settings.value) : null;
  const written = settings.ok ? readSyncSettings(settings.value) : settings;
  const token = written.ok ? written.value.CLAUDE_MEM_CLOUD_SYNC_TOKEN : null;
  if (device === null || typeof token !== 'string') return ok(null);
  const doubtful = doubtfulRows(path.join(claudeMemHome, 'claude-mem.db'), itemAt);
  if (doubtful.size === 0) return ok(null);
  if (!isPrivate(way.url)) return fail('a token does not travel over plain http');
  const place = { url: way.url, user: way.user, token: token.trim(), device };
  const space = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL)?.replica.space;
  // What it serves of this very space the space tells.
  if (space !== undefined && (await readSpaceServed(place))?.space === spaceMark(space)) return ok(null);
  const read = await readRemoteOps(place, ({ op: { says } }) => {
    const row = doubtful.get(says.id);
    if (row === undefined || says.kind === 'mutation' || says.deleted) return;
    const { entity_rev: revision, payload } = says;
    if (meaningOf(row.kind, payload) === row.meaning) doubtful.delete(says.id);
    else if (row.base === null || compareDecimals(revision, row.revision) <= 0) row.base = { revision, payload };
  });
  if (!read.ok) return fail(read.error.message);
  const edited = new Map<string, ReadonlyMap<string, RowValue | null>>();
  for (const { kind, local, base } of doubtful.values())
    if (base !== null) edited.set(`${OWN_TABLES[kind]} ${local}`, columnsTold(kind, base.payload));
  return ok(edited.size === 0 ? null : (table, rowid) => edited.get(`${table} ${rowid}`) ?? null);
}

/** Each column that an op says of a row itself. */
function columnsTold(kind: RowKind, payload: Payload): ReadonlyMap<string, RowValue | null> {
  const { row } = payloadToRow(kind, payload, `${MEM_PREFIX}sessions/of/none`);
  const columns = Object.keys(PAYLOAD_FIELDS[kind]).filter((field) => !SAID_BY_SESSION[kind].includes(field));
  return new Map(columns.map((column) => [column, row.get(column) ?? null]));
}
