import type { FeedAddition, FeedMark } from '../../core/ports/feeds.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { compareDecimals } from './decimal.ts';
import { digestOf } from './digest.ts';
import { layered, newestOf, type FeedIndex } from './feed-index.ts';
import { GATEWAY_DEVICE, nothingBody, rowBody, tombstoneBody, uuidOf } from './make-op.ts';
import type { Op, OpBody } from './schema.ts';
import { doubledBy, doubleOf, subjectOf } from './subject.ts';
import { wordAbove } from './told-revisions.ts';

/** Where a pushed op stands. */
export interface Ack {
  readonly op: Op;
  readonly number: number;
}

export interface PushPlan {
  readonly acks: readonly Ack[];
  readonly additions: readonly FeedAddition[];
}

/** The writer of entries that the gateway itself made: what came by another way than a push. */
export const GATEWAY_ORIGIN = '';

export function subjectOfOp({ says }: Op): string {
  return says.kind === 'mutation' || says.deleted ? '' : subjectOf(says.kind, says.payload);
}

/**
 * The rules of revisions, op by op: a higher one appends, the same again acks its number, anything else is refused. They hold among
 * what the device itself pushed. A row that another device has as well (a copied database) gets its number, under which nobody is
 * given it a second time; one that was served as the gateway's own becomes the device's, which has it and is not given another.
 * `bodyAt`: what stands under a number of the feed; `null` for none. Rejects as that does.
 */
export async function planPush(
  ops: readonly Op[],
  feed: FeedIndex,
  time: number,
  bodyAt: (number: number) => Promise<string | null>,
): Promise<Result<PushPlan, string>> {
  const index = layered(feed);
  const acks: Ack[] = [];
  const additions: FeedAddition[] = [];
  for (const op of ops) {
    const { id: entity, entity_rev: revision, origin_device_id: origin } = op.says;
    const same = index.find(entity, revision);
    if (same !== undefined) {
      if (same.digest !== op.digest) return fail(`invalid_ops: revision_hash_conflict:${entity}:${revision}`);
      acks.push({ op, number: same.number });
      continue;
    }
    const pushed = pushedOf(index, entity);
    if (pushed !== undefined && compareDecimals(revision, pushed) < 0) return fail(`invalid_ops: stale_revision:${entity}:${revision}`);
    const subject = subjectOfOp(op);
    const double = subject === '' ? null : (doubledBefore(index, entity) ?? elsewhere(index, subject, entity, origin));
    const end = double === null ? null : await endOfOurs(double, bodyAt, time);
    if (end !== null) {
      index.add({ ...end, number: index.last + 1 });
      additions.push(end);
    }
    const isDouble = double !== null && end === null;
    const addition = {
      entity,
      revision,
      digest: op.digest,
      origin,
      time,
      ...(isDouble ? standIn(op, double) : { subject, body: op.body }),
    };
    const number = index.last + 1;
    const above = isDouble ? null : servedAbove(index, entity, revision);
    index.add({ ...addition, number });
    additions.push(addition);
    acks.push({ op, number });
    if (above === null) continue;
    // Clients were given a later one of it, which came by another way: the device's word is the newer one all the same.
    const again = servedAgain(op, wordAbove(above, revision), time);
    index.add({ ...again, number: number + 1 });
    additions.push(again);
  }
  return ok({ acks, additions });
}

/**
 * In place of what nobody is to be given a second time: an op without effect, and what was said, which is of the one row. Not an op of this row: in
 * another feed, which knew of no double, it has the same revision with other bytes, and a client that reads both would stop there for ever.
 */
function standIn({ says, body }: Op, { entity }: FeedMark): Pick<FeedAddition, 'subject' | 'body' | 'said'> {
  return { subject: doubleOf(entity), body: nothingBody(GATEWAY_DEVICE, uuidOf(`${says.id}\0${says.entity_rev}`)), said: body };
}

/** The row, while it is there, that this one was a double of until now, by whatever words both are told. */
function doubledBefore(index: FeedIndex, entity: string): FeedMark | null {
  const before = index.newest(entity);
  const row = before === undefined ? null : doubledBy(before);
  const mark = row === null ? undefined : index.newest(row);
  return mark === undefined || mark.subject === '' || doubledBy(mark) !== null ? null : mark;
}

/** Takes away the row that was served as the gateway's own, since a device turned out to have it; `null` where it is another device's. */
async function endOfOurs(mark: FeedMark, bodyAt: (number: number) => Promise<string | null>, time: number): Promise<FeedAddition | null> {
  if (mark.origin !== GATEWAY_ORIGIN) return null;
  const body = await bodyAt(mark.number);
  const says = body === null ? null : (JSON.parse(body) as OpBody);
  if (says === null || says.kind === 'mutation' || says.deleted || says.origin_device_id !== GATEWAY_DEVICE) return null;
  const revision = (BigInt(mark.revision) + 1n).toString();
  const row = { kind: says.kind, device: GATEWAY_DEVICE, local: says.origin_local_id, revision };
  const end = tombstoneBody(row, Number(says.payload['created_at_epoch']));
  return { entity: mark.entity, revision, digest: digestOf(end), subject: '', origin: GATEWAY_ORIGIN, time, body: end };
}

function servedAgain({ says }: Op, revision: string, time: number): FeedAddition {
  if (says.kind === 'mutation') throw new Error('a mutation is no row');
  const row = { kind: says.kind, device: says.origin_device_id, local: says.origin_local_id, revision };
  const body = says.deleted ? tombstoneBody(row, Date.parse(says.deleted_at)) : rowBody(row, says.payload);
  const subject = says.deleted ? '' : subjectOf(says.kind, says.payload);
  return { entity: says.id, revision, digest: digestOf(body), subject, origin: GATEWAY_ORIGIN, time, body };
}

/** The highest revision that the device itself pushed. */
function pushedOf(index: FeedIndex, entity: string): string | undefined {
  return newestOf(index.of(entity).filter(({ origin }) => origin !== GATEWAY_ORIGIN))?.revision;
}

/** The revision that clients have of a row by another way, where it is above this one. */
function servedAbove(index: FeedIndex, entity: string, revision: string): string | null {
  const mark = index.newest(entity);
  return mark?.origin === GATEWAY_ORIGIN && compareDecimals(mark.revision, revision) > 0 ? mark.revision : null;
}

/** Another device's row that says the same now, where this one is not served already; the gateway's own last. */
function elsewhere(index: FeedIndex, subject: string, entity: string, origin: string): FeedMark | null {
  const now = index.newest(entity);
  if (now !== undefined && now.subject !== '' && doubledBy(now) === null) return null;
  let found: FeedMark | null = null;
  for (const other of index.about(subject)) {
    const mark = index.newest(other);
    if (other === entity || mark?.subject !== subject || mark.origin === origin) continue;
    if (found === null || mark.origin !== GATEWAY_ORIGIN) found = mark;
  }
  return found;
}
