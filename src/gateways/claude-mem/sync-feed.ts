import type { Clock } from '../../core/ports/clock.ts';
import type { FeedAddition, FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { compareDecimals } from './decimal.ts';
import type { Op } from './schema.ts';

/** Where a pushed op stands. */
export interface Ack {
  readonly op: Op;
  readonly number: number;
}

export interface Pushed {
  readonly acks: readonly Ack[];
  readonly head: FeedHead;
}

export interface Changes {
  readonly head: FeedHead;
  readonly entries: readonly FeedEntry[];
}

/** What was appended at once, for those that listen. */
export interface Appended {
  readonly user: string;
  /** `null`: it came by another way than this gateway. */
  readonly device: string | null;
  readonly head: FeedHead;
  readonly entries: readonly FeedEntry[];
}

/** The feeds of all users: what each of them pushed, in one order, under numbers that stay. */
export interface SyncFeeds {
  /** All or nothing; durable when it resolves. The error is the protocol's word for what was wrong. O(ops). */
  push(user: string, device: string, ops: readonly Op[]): Promise<Result<Pushed, string>>;
  changes(user: string, since: number, limit: { readonly entries: number; readonly bytes: number }): Promise<Changes>;
  head(user: string): Promise<FeedHead>;
  /** Gives back what ends it. */
  onAppend(listener: (appended: Appended) => void): () => void;
}

export const feedOf = (user: string): string => `claude-mem/${user}`;

export function createSyncFeeds({ store, clock }: { readonly store: Store; readonly clock: Clock }): SyncFeeds {
  const listeners = new Set<(appended: Appended) => void>();

  const begin = (tx: StoreTransaction, user: string): Promise<FeedHead> => tx.feeds.begin(feedOf(user), String(Math.max(1, clock.now())));

  async function head(user: string): Promise<FeedHead> {
    const found = await store.read((tx) => tx.feeds.head(feedOf(user)));
    return found ?? store.write((tx) => begin(tx, user));
  }

  return {
    head,

    async push(user, device, ops) {
      if (ops.some(({ says }) => says.origin_device_id !== device))
        return fail('invalid_ops: origin_device_id does not match authenticated X-Device-Id');
      const appended = await store.write(async (tx) => {
        const before = await begin(tx, user);
        const marks = await tx.feeds.marks(feedOf(user), [...new Set(ops.map(({ says }) => says.id))]);
        const planned = plan(ops, marks, before.number, clock.now());
        if (!planned.ok) return planned;
        const number = await tx.feeds.append(feedOf(user), planned.value.additions);
        return ok({ ...planned.value, head: { epoch: before.epoch, number } });
      });
      if (!appended.ok) return appended;
      const { acks, additions, head } = appended.value;
      const first = head.number - additions.length + 1;
      const entries = additions.map((addition, index) => ({ ...addition, number: first + index }));
      if (entries.length > 0) for (const listener of listeners) listener({ user, device, head, entries });
      return ok({ acks, head });
    },

    async changes(user, since, limit) {
      const found = await store.read(async (tx) => {
        const at = await tx.feeds.head(feedOf(user));
        return at === null ? null : { head: at, entries: await tx.feeds.read(feedOf(user), since, limit) };
      });
      return found ?? { head: await head(user), entries: [] };
    },

    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

interface Plan {
  readonly acks: readonly Ack[];
  readonly additions: readonly FeedAddition[];
}

/** The rules of revisions, op by op: higher appends, the same again acks its number, anything else is refused. */
function plan(
  ops: readonly Op[],
  marks: readonly { readonly number: number; readonly entity: string; readonly revision: string; readonly digest: string }[],
  last: number,
  time: number,
): Result<Plan, string> {
  const known = new Map(marks.map((mark) => [`${mark.entity} ${mark.revision}`, mark]));
  const newest = new Map<string, string>();
  const note = (entity: string, revision: string): void => {
    const before = newest.get(entity);
    if (before === undefined || compareDecimals(revision, before) > 0) newest.set(entity, revision);
  };
  for (const { entity, revision } of marks) note(entity, revision);
  const acks: Ack[] = [];
  const additions: FeedAddition[] = [];
  for (const op of ops) {
    const { id: entity, entity_rev: revision, origin_device_id: origin } = op.says;
    const key = `${entity} ${revision}`;
    const same = known.get(key);
    if (same !== undefined) {
      if (same.digest !== op.digest) return fail(`invalid_ops: revision_hash_conflict:${entity}:${revision}`);
      acks.push({ op, number: same.number });
      continue;
    }
    const current = newest.get(entity);
    if (current !== undefined && compareDecimals(revision, current) < 0) return fail(`invalid_ops: stale_revision:${entity}:${revision}`);
    const number = last + additions.length + 1;
    known.set(key, { entity, revision, digest: op.digest, number });
    note(entity, revision);
    additions.push({ entity, revision, digest: op.digest, origin, time, body: op.body });
    acks.push({ op, number });
  }
  return ok({ acks, additions });
}
