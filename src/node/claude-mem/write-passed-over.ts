import { existsSync } from 'node:fs';
import type { FeedMark } from '../../core/ports/feeds.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { readWrittenTo, saveWrittenTo } from '../../gateways/claude-mem/held-base.ts';
import type { FeedLook } from '../../gateways/claude-mem/ops-to-items.ts';
import { mayBePassedOver, passedOver, settleOwnRow, type PassedOver } from '../../gateways/claude-mem/passed-over.ts';
import { GATEWAY_ORIGIN } from '../../gateways/claude-mem/plan-push.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';
import type { HubLog } from '../../gateways/native/hub-app.ts';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { writeOwnRows, type OwnRowOutcome } from '../../sources/claude-mem/write-own-rows.ts';
import { localWorker, type LocalWorkerDeps } from './local-worker.ts';
import { readSyncPath } from './sync-path.ts';

export interface PassedOverDeps extends LocalWorkerDeps {
  readonly log: HubLog;
}

const MARKS_AT_ONCE = 5_000;
/** Written in one transaction. */
const ROWS_AT_ONCE = 200;

/**
 * What writes into the database of this machine's worker what its client passes over: changes, made elsewhere, of rows that it made. Only
 * where it syncs through this very node as `user`. A rest that waits (its worker has to send first; the database is busy) is tried again
 * with the next call. Gives the number of rows that wait. Cost: O(feed) at first, then O(what is new in the feed).
 */
export function createPassedOverWriter(deps: PassedOverDeps, user: string): (look: Omit<FeedLook, 'entries'>) => Promise<number> {
  const { store, home, claudeMemHome, log } = deps;
  let said = '';

  /** Once for each trouble: it is tried again and again. */
  function say(reasons: readonly string[]): void {
    const all = [...new Set(reasons)].sort().join('; ');
    if (all !== said && all !== '') log.warn({ reasons: all }, 'rows of claude-mem’s own cannot be brought up to date yet');
    said = all;
  }

  /** Rows of the device that the feed tells by another word, and where in the feed each stands first. */
  async function newsFor(
    device: string,
    after: number,
    look: Omit<FeedLook, 'entries'>,
  ): Promise<{ news: Map<string, number>; last: number }> {
    const news = new Map<string, number>();
    // What is appended meanwhile the index may not know yet: the next call looks at it.
    const end = look.index.last;
    for (let last = after; ;) {
      const marks: FeedMark[] = await store.read((tx) => tx.feeds.marks(feedOf(user), last, MARKS_AT_ONCE));
      for (const { entity, number, origin } of marks)
        if (number <= end && origin === GATEWAY_ORIGIN && !news.has(entity) && mayBePassedOver(device, look.index.of(entity)))
          news.set(entity, number);
      const reached = marks.at(-1)?.number ?? end;
      if (reached >= end) return { news, last: Math.max(after, end) };
      last = reached;
    }
  }

  return async (look) => {
    const worker = await localWorker(deps);
    if (worker === null || worker.device === null || worker.user !== user || !existsSync(worker.database)) return 0;
    if ((await readSyncPath(home, claudeMemHome)).type !== 'own') return 0;
    const { device, database } = worker;
    const head = await store.read((tx) => tx.feeds.head(feedOf(user)));
    const before = await readWrittenTo(store, user);
    if (head === null) return 0;
    const from = before?.device === device && before.epoch === head.epoch ? before.number : 0;
    const { news, last } = await newsFor(device, from, look);
    const waiting: string[] = [];
    let settled = last;
    let trouble: string | null = null;
    const wait = (number: number, reason: string): void => {
      waiting.push(reason);
      settled = Math.min(settled, number - 1);
    };
    for (const some of portions([...news], ROWS_AT_ONCE)) {
      const rows: { readonly row: PassedOver; readonly number: number }[] = []; // and where in the feed it stands first
      for (const [entity, number] of some) {
        const row = await passedOver(device, entity, look);
        if (row !== null) rows.push({ row, number });
      }
      const done: Result<OwnRowOutcome[], string> = trouble === null && rows.length > 0 ? write(database, rows) : ok([]);
      if (!done.ok) trouble = done.error;
      for (const [at, { number }] of rows.entries()) {
        const outcome = done.ok ? done.value[at] : undefined;
        if (trouble !== null) wait(number, trouble);
        else if (outcome?.type === 'waits') wait(number, outcome.reason);
      }
    }
    if (settled !== before?.number || from !== settled) await saveWrittenTo(store, user, { device, epoch: head.epoch, number: settled });
    say(waiting);
    return waiting.length;
  };
}

/** Another program's database: whatever is wrong with it stops nothing but these rows. The error says why none of them could be written. */
function write(database: string, rows: readonly { readonly row: PassedOver }[]): Result<OwnRowOutcome[], string> {
  const refusal = mayNotOpen(database);
  if (refusal !== null) return fail(refusal);
  try {
    return ok(
      writeOwnRows(
        database,
        rows.map(({ row }) => ({ ...row, settle: (found) => settleOwnRow(found, row) })),
      ),
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return fail(error.message);
    throw error;
  }
}

function* portions<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}
