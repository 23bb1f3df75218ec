import type { FeedAddition } from '../../core/ports/feeds.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { compareDecimals } from './decimal.ts';
import { digestOf } from './digest.ts';
import { layered, newestOf, type FeedIndex } from './feed-index.ts';
import { rowBody, tombstoneBody } from './make-op.ts';
import type { Op } from './schema.ts';
import { subjectOf } from './subject.ts';

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
 * given it a second time.
 */
export function planPush(ops: readonly Op[], feed: FeedIndex, time: number): Result<PushPlan, string> {
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
    const isDouble = subject !== '' && isElsewhere(index, subject, entity, origin);
    const body = isDouble ? standIn(op, time) : op.body;
    const addition = { entity, revision, digest: op.digest, subject: isDouble ? '' : subject, origin, time, body };
    const number = index.last + 1;
    const above = servedAbove(index, entity, revision);
    index.add({ ...addition, number });
    additions.push(addition);
    acks.push({ op, number });
    if (above === null) continue;
    // Clients were given a later one of it, which came by another way: the device's word is the newer one all the same.
    const again = servedAgain(op, (BigInt(above) + 1n).toString(), time);
    index.add({ ...again, number: number + 1 });
    additions.push(again);
  }
  return ok({ acks, additions });
}

/** Takes away what nobody else has: an op of that row and revision without effect. */
function standIn({ says }: Op, time: number): string {
  if (says.kind === 'mutation') throw new Error('a mutation is no row');
  return tombstoneBody({ kind: says.kind, device: says.origin_device_id, local: says.origin_local_id, revision: says.entity_rev }, time);
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

/** Whether another device's row says the same now, and this one is not served already. */
function isElsewhere(index: FeedIndex, subject: string, entity: string, origin: string): boolean {
  if ((index.newest(entity)?.subject ?? '') !== '') return false;
  for (const other of index.about(subject)) {
    const mark = index.newest(other);
    if (other !== entity && mark?.subject === subject && mark.origin !== origin) return true;
  }
  return false;
}
