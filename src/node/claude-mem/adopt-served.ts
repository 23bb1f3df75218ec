import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import { GATEWAY_DEVICE, gatewayLocal } from '../../gateways/claude-mem/make-op.ts';
import type { FeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { ownRowToOp } from '../../gateways/claude-mem/own-row-op.ts';
import type { RowKind } from '../../gateways/claude-mem/payload.ts';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { traitsOf } from '../../gateways/claude-mem/traits.ts';
import type { Payload } from '../../gateways/claude-mem/op-rows.ts';
import { meaningOf, type ServedRow, type ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import type { StandingElsewhere } from '../../gateways/claude-mem/standing-rows.ts';
import { subjectOf } from '../../gateways/claude-mem/subject.ts';
import { markRows, type RowMark } from '../../sources/claude-mem/mark-rows.ts';
import { readStandingRows, type StandingRow } from '../../sources/claude-mem/own-rows.ts';

export interface AdoptDeps {
  /** claude-mem.db */
  readonly file: string;
  /** The worker's; `null` where it gave itself none yet, and so nothing that is served is its own. */
  readonly device: string | null;
  readonly served: ServedRows;
  /** Whether all of its own rows are pushed, those too that its worker leaves behind. */
  readonly isAllPushed: boolean;
  /** Which item of this machine's space a row of the database is, whose changes the space tells of; `null` where nobody says. */
  readonly itemAt?: ItemAt;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** By the number of a row in the database. */
export type ItemAt = (kind: RowKind, local: string) => string | null;

/**
 * Rows of a database that are served as another device's, under which claude-mem's client does not know them: they came by Satchel, from a
 * copied file, or by another node's feed. Unmarked, summaries and prompts would be given to it a second time. A row of its own that is pushed
 * becomes its own there, in place of one that no device has (`planPush`), which its node does that imports all of them; elsewhere one that says nothing
 * new, or whose changes the space tells of, is marked as the gateway's: to take that from those who have it would take what was edited there with it. So is one there that the feed tells of in several states: the worker reads them from the first, and would stop. One that is served as its own, and was marked as another's while its
 * worker synced elsewhere, is its own again. A row that was edited is told by what of its words is left, once all others are known. O(rows).
 */
export function findServedElsewhere({ file, device, served, isAllPushed, itemAt = () => null }: Omit<AdoptDeps, 'now'>): RowMark[] {
  const taken = new Set<string>();
  for (const page of readStandingRows(file))
    for (const { kind, origin } of page) if (origin !== null) taken.add(rowId(kind, origin.device, origin.local));
  const marks: RowMark[] = [];
  const edited: { readonly row: StandingRow; readonly payload: Payload }[] = [];
  const isFree = (row: StandingRow, payload: Payload, each: ServedRow): boolean => {
    if (each.device === device || taken.has(rowId(row.kind, each.device, each.local))) return false;
    if (row.origin !== null || each.device !== GATEWAY_DEVICE) return true;
    if (isAllPushed) return isInTheWay(row, each);
    return row.isSent || each.states.some(({ meaning }) => meaning === meaningOf(row.kind, payload));
  };
  /** As the gateway serves the very item that stands there, by whatever words. */
  const asItem = ({ kind, local }: StandingRow): ServedRow | undefined => {
    const name = isAllPushed ? null : itemAt(kind, local);
    const each = name === null ? undefined : served.get(kind, GATEWAY_DEVICE, gatewayLocal(name));
    return each === undefined || each.subject === '' || taken.has(rowId(kind, each.device, each.local)) ? undefined : each;
  };
  const mark = ({ kind, local, origin }: StandingRow, payload: Payload, other: ServedRow): void => {
    taken.add(rowId(kind, other.device, other.local));
    const to = { device: other.device, local: other.local };
    marks.push({ kind, local, before: origin, origin: to, revision: standingRevision(other, meaningOf(kind, payload)) });
  };
  /** What stands here is served by now, as an edit that was told by a space: taken in, it would be written over what came since. */
  const raise = ({ kind, local, origin, revision: has }: StandingRow, payload: Payload, known: ServedRow): void => {
    const revision = standingRevision(known, meaningOf(kind, payload), has);
    if (compareDecimals(revision, has) > 0) marks.push({ kind, local, before: origin, origin, revision });
  };
  for (const page of readStandingRows(file)) {
    for (const row of page) {
      const payload = payloadOf(row);
      if (payload === null) continue;
      const { kind, local, origin } = row;
      const own = device === null ? undefined : served.get(kind, device, local);
      const known = origin === null ? own : served.get(kind, origin.device, origin.local);
      if (known !== undefined && known.subject !== '') {
        if (origin !== null) raise(row, payload, known);
        continue;
      }
      const subject = subjectOf(kind, payload);
      if (origin !== null && own !== undefined && isSameRow(own, subject, traitsOf(kind, payload), served)) {
        marks.push({ kind, local, before: origin, origin: null, revision: pushedRevision(own) });
        continue;
      }
      const other = served.about(subject).find((each) => isFree(row, payload, each)) ?? asItem(row);
      if (other !== undefined) mark(row, payload, other);
      // One that was taken away there is gone, and no other one's former words.
      else if (known === undefined) edited.push({ row, payload });
    }
  }
  for (const { row, payload } of edited) {
    const alike = served.alike(row.kind, traitsOf(row.kind, payload)).filter((each) => isFree(row, payload, each));
    const [other] = alike;
    if (other !== undefined && alike.length === 1) mark(row, payload, other);
  }
  return marks;
}

/**
 * Whether a client that reads a feed from its beginning would stop at this row: it is given the states of one that it does not know as its own, takes in
 * the first that it has not, and cannot make that one what it has already.
 */
function isInTheWay({ cells: { content_hash: hash } }: StandingRow, { states }: ServedRow): boolean {
  const first = states.findIndex((state) => state.hash !== null && state.hash !== hash);
  return typeof hash === 'string' && first >= 0 && states.slice(first).some((state) => state.hash === hash);
}

/** Whether a row that is served, and is there, is the one that says so by now. */
function isSameRow(row: ServedRow, subject: string, traits: readonly string[], served: ServedRows): boolean {
  return row.subject !== '' && (row.subject === subject || served.alike(row.kind, traits).includes(row));
}

/** The highest at which its device itself pushed it: what a gateway serves is far above what devices count. */
function pushedRevision({ states }: ServedRow): string {
  const pushed = states.map(({ revision }) => revision).filter((revision) => BigInt(revision) < GATEWAY_REVISIONS);
  return pushed.reduce((most, each) => (compareDecimals(each, most) > 0 ? each : most), '1');
}
const GATEWAY_REVISIONS = 1n << 50n;

/** Marks what {@link findServedElsewhere} finds; gives how many rows. Safe to repeat, and while the worker goes on. O(rows). */
export function adoptServed({ now, ...look }: AdoptDeps): number {
  return markRows(look.file, findServedElsewhere(look), now);
}

/** Rows that came to a database from another node's feed, and that a feed knows nothing of by that name. `nameAt`: which item stands there. O(rows). */
export async function findStandingElsewhere(
  file: string,
  device: string,
  index: Pick<FeedIndex, 'of'>,
  nameAt: (kind: RowKind, local: string) => Promise<string | null>,
): Promise<StandingElsewhere[]> {
  const found: StandingElsewhere[] = [];
  for (const page of readStandingRows(file)) {
    for (const row of page) {
      const { kind, origin } = row;
      if (origin === null || origin.device === device || index.of(rowId(kind, origin.device, origin.local)).length > 0) continue;
      const payload = payloadOf(row);
      if (payload === null) continue;
      const born = Number(payload['created_at_epoch']);
      found.push({ subject: subjectOf(kind, payload), ...origin, name: await nameAt(kind, row.local), born });
    }
  }
  return found;
}

/** The state that stands here. What was never served so was written here: it stays, until its device says more (`otherwise`: the newest of it). */
function standingRevision({ states, revision }: ServedRow, meaning: string, otherwise = revision): string {
  const same = states.filter((state) => state.meaning === meaning).map((state) => state.revision);
  return same.reduce((most, each) => (compareDecimals(each, most) > 0 ? each : most), same[0] ?? otherwise);
}

/** What an op would say of it, whoever sent it; `null` for a row that no client could take. */
export function payloadOf(row: StandingRow): Payload | null {
  const op = ownRowToOp('satchel-look', { ...row, revision: '1' });
  return op === null || op.says.kind === 'mutation' || op.says.deleted ? null : op.says.payload;
}
