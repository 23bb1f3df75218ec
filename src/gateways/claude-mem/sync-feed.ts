import type { Clock } from '../../core/ports/clock.ts';
import type { FeedAddition, FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { planPush, subjectOfOp, type Ack } from './plan-push.ts';
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

/** The feeds of all users: what each of them pushed, in one order, under numbers that stay. */
export interface SyncFeeds {
  /** All or nothing; durable when it resolves. The error is the protocol's word for what was wrong. O(ops). */
  push(user: string, device: string, ops: readonly Op[]): Promise<Result<Pushed, string>>;
  changes(user: string, since: number, limit: { readonly entries: number; readonly bytes: number }): Promise<Changes>;
  head(user: string): Promise<FeedHead>;
  /** What came by another way than a push. Those whose entity has that revision already are left out. Durable when it resolves. */
  add(user: string, additions: readonly FeedAddition[]): Promise<void>;
  /** Calls back with a user who is here for the first time. Gives back what ends it. */
  onBegin(listener: (user: string) => void): () => void;
  /** Gives back what ends it. */
  onAppend(listener: (appended: Appended) => void): () => void;
}

export const feedOf = (user: string): string => `claude-mem/${user}`;

export function createSyncFeeds({ store, clock }: { readonly store: Store; readonly clock: Clock }): SyncFeeds {
  const listeners = new Set<(appended: Appended) => void>();

  const begun = new Set<(user: string) => void>();

  async function begin(tx: StoreTransaction, user: string): Promise<FeedHead> {
    const found = await tx.feeds.head(feedOf(user));
    if (found !== null) return found;
    // Once it is there: who listens reads the store.
    setImmediate(() => begun.forEach((listener) => listener(user)));
    return tx.feeds.begin(feedOf(user), String(Math.max(1, clock.now())));
  }

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
        const entities = new Set(ops.map(({ says }) => says.id));
        const subjects = new Set(ops.map(subjectOfOp).filter((subject) => subject !== ''));
        for (const other of await tx.feeds.withSubject(feedOf(user), [...subjects])) entities.add(other);
        const marks = await tx.feeds.marks(feedOf(user), [...entities]);
        const planned = planPush(ops, { marks, last: before.number, time: clock.now() });
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

    async add(user, additions) {
      const appended = await store.write(async (tx) => {
        const before = await begin(tx, user);
        const marks = await tx.feeds.marks(feedOf(user), [...new Set(additions.map(({ entity }) => entity))]);
        const there = new Set(marks.map(({ entity, revision }) => `${entity} ${revision}`));
        const fresh = additions.filter(({ entity, revision }) => !there.has(`${entity} ${revision}`));
        const number = await tx.feeds.append(feedOf(user), fresh);
        return { fresh, head: { epoch: before.epoch, number } };
      });
      const { fresh, head } = appended;
      const first = head.number - fresh.length + 1;
      const entries = fresh.map((addition, index) => ({ ...addition, number: first + index }));
      if (entries.length > 0) for (const listener of listeners) listener({ user, device: null, head, entries });
    },

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
