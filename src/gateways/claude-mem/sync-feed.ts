import type { Clock } from '../../core/ports/clock.ts';
import type { FeedAddition, FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { FeedIndex } from './feed-index.ts';
import { createKeptIndexes } from './kept-indexes.ts';
import { GATEWAY_DEVICE, nothingBody, uuidOf } from './make-op.ts';
import { GATEWAY_ORIGIN, planPush, type Ack } from './plan-push.ts';
import type { Op } from './schema.ts';

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

/**
 * The feeds of all users: what each of them pushed, in one order, under numbers that stay. One object a process; where several
 * processes share a store, each plans what it appends on what the others appended before.
 */
export interface SyncFeeds {
  /** All or nothing; durable when it resolves. The error is the protocol's word for what was wrong. O(ops), but O(feed) the first time. */
  push(user: string, device: string, ops: readonly Op[]): Promise<Result<Pushed, string>>;
  changes(user: string, since: number, limit: { readonly entries: number; readonly bytes: number }): Promise<Changes>;
  head(user: string): Promise<FeedHead>;
  /** What the feed holds now. O(feed) the first time, then O(what is new). */
  index(user: string): Promise<FeedIndex>;
  /**
   * What came by another way than a push. Left out is what has that revision already, and a new row that a device pushed meanwhile.
   * Durable when it resolves.
   */
  add(user: string, additions: readonly FeedAddition[]): Promise<void>;
  /** Takes what stands under these numbers out of the feed: they hold ops without effect from now on, about nothing or what `subject` says. */
  erase(user: string, numbers: readonly { readonly number: number; readonly subject?: string }[]): Promise<void>;
  /** Calls back with a user who is here for the first time. Gives back what ends it. */
  onBegin(listener: (user: string) => void): () => void;
  /** Gives back what ends it. */
  onAppend(listener: (appended: Appended) => void): () => void;
}

export const feedOf = (user: string): string => `claude-mem/${user}`;

export function createSyncFeeds({ store, clock }: { readonly store: Store; readonly clock: Clock }): SyncFeeds {
  const listeners = new Set<(appended: Appended) => void>();
  const begun = new Set<(user: string) => void>();
  const indexes = createKeptIndexes();
  const turns = new Map<string, Mutex>();

  /** Runs a transaction with the user's feed, which it begins where there is none. */
  async function withFeed<T>(user: string, work: (tx: StoreTransaction, head: FeedHead) => Promise<T>): Promise<T> {
    const { isNew, result } = await store.write(async (tx) => {
      const found = await tx.feeds.head(feedOf(user));
      const at = found ?? (await tx.feeds.begin(feedOf(user), String(Math.max(1, clock.now()))));
      return { isNew: found === null, result: await work(tx, at) };
    });
    // Once it is there, and its caller has the answer: who listens reads the store.
    if (isNew) setImmediate(() => begun.forEach((listener) => listener(user)));
    return result;
  }

  async function head(user: string): Promise<FeedHead> {
    const found = await store.read((tx) => tx.feeds.head(feedOf(user)));
    return found ?? withFeed(user, (_tx, at) => Promise.resolve(at));
  }

  /** The user's index, as far as the feed goes. A transaction for each page of a long one. */
  async function indexNow(user: string): Promise<FeedIndex> {
    for (;;) {
      const { index, isWhole } = await store.read((tx) => indexes.readOn(tx, feedOf(user)));
      if (isWhole) return index;
    }
  }

  /** Work of one user comes one after the other. */
  function inTurn<T>(user: string, work: () => Promise<T>): Promise<T> {
    const turn = turns.get(user) ?? new Mutex();
    turns.set(user, turn);
    return turn.run(work);
  }

  /**
   * Appends what `plan` makes of the index, which knows all that is in the feed then: what other processes appended as well, since
   * nobody else appends before the transaction ends.
   */
  async function append<P extends { readonly additions: readonly FeedAddition[] }>(
    user: string,
    device: string | null,
    plan: (index: FeedIndex, bodyAt: (number: number) => Promise<string | null>) => Promise<Result<P, string>>,
  ): Promise<Result<{ readonly planned: P; readonly head: FeedHead }, string>> {
    if (!indexes.has(feedOf(user))) await indexNow(user); // in pages; the transaction below only reads what came meanwhile
    const done = await withFeed(user, async (tx, before) => {
      const index = await indexes.upTo(tx, feedOf(user), before);
      const bodyAt = async (number: number): Promise<string | null> =>
        (await tx.feeds.read(feedOf(user), number - 1, { entries: 1, bytes: 1 }))[0]?.body ?? null;
      const planned = await plan(index, bodyAt);
      if (!planned.ok) return planned;
      const { additions } = planned.value;
      const number = additions.length === 0 ? before.number : await tx.feeds.append(feedOf(user), additions);
      return ok({ planned: planned.value, head: { epoch: before.epoch, number }, before, index });
    });
    if (!done.ok) return done;
    const { planned, head: after, before, index } = done.value;
    const entries = planned.additions.map((addition, at) => ({ ...addition, number: before.number + 1 + at }));
    for (const { number, entity, revision, digest, subject, origin } of entries)
      index.add({ number, entity, revision, digest, subject, origin });
    if (entries.length > 0) for (const listener of listeners) listener({ user, device, head: after, entries });
    return ok({ planned, head: after });
  }

  return {
    head,
    index: (user) => inTurn(user, () => indexNow(user)),

    async push(user, device, ops) {
      if (ops.some(({ says }) => says.origin_device_id !== device))
        return fail('invalid_ops: origin_device_id does not match authenticated X-Device-Id');
      return inTurn(user, async () => {
        const done = await append(user, device, (index, bodyAt) => planPush(ops, index, clock.now(), bodyAt));
        return done.ok ? ok({ acks: done.value.planned.acks, head: done.value.head }) : done;
      });
    },

    add: (user, additions) =>
      inTurn(user, async () => {
        const ended = new Set(additions.filter(({ subject }) => subject === '').map(({ entity }) => entity));
        const isNew = (each: FeedAddition, index: FeedIndex): boolean =>
          index.find(each.entity, each.revision) === undefined && !isPushedAs(each, index, ended);
        await append(user, null, async (index) => ok({ additions: additions.filter((each) => isNew(each, index)) }));
      }),

    erase: (user, numbers) =>
      inTurn(user, async () => {
        const bodies = numbers.map((each) => ({ ...each, body: nothingBody(GATEWAY_DEVICE, uuidOf(`${feedOf(user)}\0${each.number}`)) }));
        if (bodies.length > 0) await store.write((tx) => tx.feeds.erase(feedOf(user), bodies));
        indexes.forget(feedOf(user));
      }),

    async changes(user, since, limit) {
      const found = await store.read(async (tx) => {
        const at = await tx.feeds.head(feedOf(user));
        return at === null ? null : { head: at, entries: await tx.feeds.read(feedOf(user), since, limit) };
      });
      return found ?? { head: await head(user), entries: [] };
    },

    onBegin(listener) {
      begun.add(listener);
      return () => begun.delete(listener);
    },

    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Whether a row that nobody was told of yet is one that a device has. `ended`: what is taken away with it. */
function isPushedAs({ entity, subject }: FeedAddition, index: FeedIndex, ended: ReadonlySet<string>): boolean {
  if (subject === '' || index.newest(entity) !== undefined) return false;
  return [...index.about(subject)].some((other) => {
    const mark = index.newest(other);
    return !ended.has(other) && mark?.subject === subject && mark.origin !== GATEWAY_ORIGIN;
  });
}
