import type { FeedMark } from '../../core/ports/feeds.ts';
import { canonicalJson } from './canonical-json.ts';
import { compareDecimals } from './decimal.ts';
import { ownRowToOp, type DeviceRow } from './own-row-op.ts';
import type { FeedLook } from './ops-to-items.ts';
import { SAID_BY_SESSION, type Payload } from './op-rows.ts';
import { PAYLOAD_FIELDS, type RowKind } from './payload.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import type { OpBody } from './schema.ts';

/** A row that a device made, and that this feed says otherwise by now: the device's client passes over all that is under its own id. */
export interface PassedOver {
  readonly device: string;
  readonly kind: RowKind;
  /** Its number in the device's database. */
  readonly local: string;
  /** What it is to be; `null`: gone. */
  readonly wanted: Payload | null;
  /** What the feed ever said of it, as far as nothing was forgotten since. */
  readonly known: readonly Payload[];
  /** What the device itself pushed. */
  readonly pushed: readonly Pick<FeedMark, 'revision' | 'digest'>[];
  /** The highest revision among these. */
  readonly revision: string;
}

/** What is to become of the row that stands in the database. */
export type OwnRowChange =
  | { readonly type: 'keep' }
  | { readonly type: 'delete' }
  /** `isNews`: what stays of it is told to nobody yet, and has to be sent. */
  | { readonly type: 'update'; readonly cells: Readonly<Record<string, string | number | null>>; readonly isNews: boolean };

/** Whether a feed tells of this entity by another word than the device's, which made it. */
export function mayBePassedOver(device: string, marks: readonly FeedMark[]): boolean {
  return marks.some(({ origin }) => origin === GATEWAY_ORIGIN) && marks.some(({ origin }) => origin === device);
}

/** `null` where the last word of it is the device's own, or nobody can tell it any more. Reads the states that the feed has of it. */
export async function passedOver(device: string, entity: string, { index, entry }: Omit<FeedLook, 'entries'>): Promise<PassedOver | null> {
  const marks = index.of(entity);
  const newest = index.newest(entity);
  const pushed = marks.filter(({ origin }) => origin === device);
  if (newest?.origin !== GATEWAY_ORIGIN || pushed.length === 0) return null;
  const known: Payload[] = [];
  let last: OpBody | null = null;
  for (const { number } of marks) {
    const found = await entry(number);
    const says = found === null ? null : (JSON.parse(found.body) as OpBody);
    if (number === newest.number) last = says;
    if (says !== null && says.kind !== 'mutation' && !says.deleted) known.push(says.payload);
  }
  // A number that was erased holds an op without effect.
  if (last === null || last.kind === 'mutation') return null;
  const revision = pushed.reduce((most, mark) => (compareDecimals(mark.revision, most) > 0 ? mark.revision : most), '0');
  const wanted = last.deleted ? null : last.payload;
  return { device, kind: last.kind, local: last.origin_local_id, wanted, known, pushed, revision };
}

/** By these a row is known: where they differ it is another one. */
const CONSTANT: readonly string[] = ['created_at', 'created_at_epoch', 'content_session_id'];

/**
 * Three-way, column by column: what the feed once said may be written over, since it is kept there and in the space's history; what it never
 * said was written beside the worker, stays, and has to be sent. So an edit outlives a deletion.
 */
export function settleOwnRow(row: DeviceRow, { device, kind, wanted, known, pushed }: PassedOver): OwnRowChange {
  const op = ownRowToOp(device, row);
  if (op === null || op.says.kind === 'mutation' || op.says.deleted) return { type: 'keep' };
  const { payload } = op.says;
  const isAsPushed = pushed.some(({ revision, digest }) => revision === row.revision && digest === op.digest);
  // Another row got its number, as in a database that was made anew; or all that was said of it was forgotten.
  if (!isAsPushed && !known.some((said) => said['created_at_epoch'] === payload['created_at_epoch'])) return { type: 'keep' };
  const fields = Object.keys(PAYLOAD_FIELDS[kind]).filter((field) => !CONSTANT.includes(field) && !SAID_BY_SESSION[kind].includes(field));
  const saidOf = (said: Payload, field: string): string => canonicalJson(said[field] ?? null);
  const news = isAsPushed ? [] : fields.filter((field) => known.every((said) => saidOf(said, field) !== saidOf(payload, field)));
  if (wanted === null) return news.length === 0 ? { type: 'delete' } : { type: 'update', cells: {}, isNews: true };
  const changed = fields.filter((field) => !news.includes(field) && saidOf(wanted, field) !== saidOf(payload, field));
  if (changed.length === 0) return { type: 'keep' };
  return {
    type: 'update',
    cells: Object.fromEntries(changed.map((field) => [field, cellOf(kind, field, wanted)])),
    isNews: news.length > 0,
  };
}

function cellOf(kind: RowKind, field: string, payload: Payload): string | number | null {
  const value = payload[field] ?? null;
  const type = PAYLOAD_FIELDS[kind][field]?.type;
  if (value === null) return null;
  return type === 'count' ? Number(value) : type === 'list' || type === 'object' ? canonicalJson(value) : (value as string);
}
