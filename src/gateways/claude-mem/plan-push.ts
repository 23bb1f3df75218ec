import type { FeedAddition, FeedMark } from '../../core/ports/feeds.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { compareDecimals } from './decimal.ts';
import { digestOf } from './digest.ts';
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

/** What the feed holds of the pushed entities, and of others of the same subjects. */
export interface Known {
  readonly marks: readonly FeedMark[];
  readonly last: number;
  readonly time: number;
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
export function planPush(ops: readonly Op[], { marks, last, time }: Known): Result<PushPlan, string> {
  const state = createState(marks);
  const acks: Ack[] = [];
  const additions: FeedAddition[] = [];
  for (const op of ops) {
    const { id: entity, entity_rev: revision, origin_device_id: origin } = op.says;
    const same = state.find(entity, revision);
    if (same !== undefined) {
      if (same.digest !== op.digest) return fail(`invalid_ops: revision_hash_conflict:${entity}:${revision}`);
      acks.push({ op, number: same.number });
      continue;
    }
    const pushed = state.pushed(entity);
    if (pushed !== undefined && compareDecimals(revision, pushed) < 0) return fail(`invalid_ops: stale_revision:${entity}:${revision}`);
    const subject = subjectOfOp(op);
    const isDouble = subject !== '' && state.isElsewhere(subject, entity, origin);
    const body = isDouble ? standIn(op, time) : op.body;
    const addition = { entity, revision, digest: op.digest, subject: isDouble ? '' : subject, origin, time, body };
    const number = last + additions.length + 1;
    const above = state.servedAbove(entity, revision);
    state.add({ ...addition, number });
    additions.push(addition);
    acks.push({ op, number });
    if (above === null) continue;
    // Clients were given a later one of it, which came by another way: the device's word is the newer one all the same.
    const again = servedAgain(op, (BigInt(above) + 1n).toString(), time);
    state.add({ ...again, number: number + 1 });
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

function createState(marks: readonly FeedMark[]) {
  const byRevision = new Map<string, FeedMark>();
  const pushed = new Map<string, string>();
  const newest = new Map<string, FeedMark>();
  const bySubject = new Map<string, Set<string>>();

  function add(mark: FeedMark): void {
    const { entity, revision, subject, origin } = mark;
    byRevision.set(`${entity} ${revision}`, mark);
    const before = pushed.get(entity);
    if (origin !== GATEWAY_ORIGIN && (before === undefined || compareDecimals(revision, before) > 0)) pushed.set(entity, revision);
    const current = newest.get(entity);
    if (current === undefined || compareDecimals(revision, current.revision) > 0) newest.set(entity, mark);
    if (subject !== '') bySubject.set(subject, (bySubject.get(subject) ?? new Set()).add(entity));
  }
  for (const mark of marks) add(mark);

  return {
    add,
    find: (entity: string, revision: string) => byRevision.get(`${entity} ${revision}`),
    pushed: (entity: string) => pushed.get(entity),
    /** The revision that clients have of a row by another way, where it is above this one. */
    servedAbove(entity: string, revision: string): string | null {
      const mark = newest.get(entity);
      return mark?.origin === GATEWAY_ORIGIN && compareDecimals(mark.revision, revision) > 0 ? mark.revision : null;
    },
    /** Whether another device's row says the same now, and this one is not served already. */
    isElsewhere(subject: string, entity: string, origin: string): boolean {
      if ((newest.get(entity)?.subject ?? '') !== '') return false;
      for (const other of bySubject.get(subject) ?? []) {
        const mark = newest.get(other);
        if (other !== entity && mark?.subject === subject && mark.origin !== origin) return true;
      }
      return false;
    },
  };
}
