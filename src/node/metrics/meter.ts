import type { Clock } from '../../core/ports/clock.ts';
import type { Answered, RequestWatch } from '../../gateways/native/answered.ts';
import { createRecentRequests, type RecentRequests } from './recent-requests.ts';
import { createCounter, createGauge, createHistogram, type Counter, type Family, type Histogram } from './registry.ts';

/** How many of something there are now. */
export interface Level {
  begin(): void;
  end(): void;
  readonly now: () => number;
}

/** What a node counts while it runs. Nothing in it says whose something was: no ids, names or addresses. */
export interface Meter extends RequestWatch {
  /** When it began, milliseconds since 1970. */
  readonly since: number;
  readonly appends: Counter;
  readonly records: Counter;
  readonly recordBytes: Counter;
  readonly objects: Counter;
  readonly objectBytes: Counter;
  readonly listeners: Level;
  readonly syncFailures: Counter;
  readonly transactions: Histogram;
  readonly transactionsOpen: Level;
  readonly storeFailures: Counter;
  /** Figures that could not be looked up. */
  readonly gaps: Counter;
  readonly recent: RecentRequests['recent'];
  readonly families: readonly Family[];
}

/** Seconds. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const TRANSACTION_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Always on: `status --hub` shows what it counts, whether anybody scrapes it or not. About half a microsecond a request. */
export function createMeter(clock: Pick<Clock, 'now'>): Meter {
  const requests = createCounter({
    name: 'satchel_http_requests_total',
    help: 'Requests that were answered, by route pattern, method and status.',
    labels: ['route', 'method', 'status'],
  });
  const durations = createHistogram(
    {
      name: 'satchel_http_request_duration_seconds',
      help: 'Time until an answer began, by route pattern. Live streams last longer than that.',
      labels: ['route'],
    },
    REQUEST_BOUNDS,
  );
  const refusals = createCounter({
    name: 'satchel_http_refused_total',
    help: 'Requests that the listener let nowhere, by reason.',
    labels: ['reason'],
  });
  const appends = createCounter({
    name: 'satchel_appends_total',
    help: 'Appends to logs, by outcome: appended, moved (a lost race), missing-objects.',
    labels: ['outcome'],
  });
  const records = createCounter({
    name: 'satchel_records_total',
    help: 'Records of logs that were stored for others or served to them.',
    labels: ['direction'],
  });
  const recordBytes = createCounter({ name: 'satchel_records_bytes_total', help: 'Bytes of those records.', labels: ['direction'] });
  const objects = createCounter({
    name: 'satchel_objects_total',
    help: 'Objects (encrypted bodies) that were stored for others or served to them.',
    labels: ['direction'],
  });
  const objectBytes = createCounter({ name: 'satchel_objects_bytes_total', help: 'Bytes of those objects.', labels: ['direction'] });
  const syncFailures = createCounter({
    name: 'satchel_sync_failures_total',
    help: 'Syncs of this node’s own spaces that failed, by type.',
    labels: ['type'],
  });
  const transactions = createHistogram(
    {
      name: 'satchel_store_transaction_duration_seconds',
      help: 'Time from asking for a transaction of the store until its end, waiting included.',
      labels: ['kind'],
    },
    TRANSACTION_BOUNDS,
  );
  const storeFailures = createCounter({
    name: 'satchel_store_failures_total',
    help: 'Transactions that the store did not take, by reason: busy, unreachable.',
    labels: ['reason'],
  });
  const gaps = createCounter({ name: 'satchel_metrics_gaps_total', help: 'Figures that could not be looked up for a scrape.' });
  const listeners = createLevel();
  const transactionsOpen = createLevel();
  const recent = createRecentRequests(clock);
  return {
    since: clock.now(),
    answered(request: Answered) {
      const { route, method, status, ms } = request;
      requests.add(1, route, method, String(status));
      durations.observe(ms / 1000, route);
      recent.note(request);
    },
    refused: (code) => refusals.add(1, code),
    ...{
      appends,
      records,
      recordBytes,
      objects,
      objectBytes,
      listeners,
      syncFailures,
      transactions,
      transactionsOpen,
      storeFailures,
      gaps,
    },
    recent: recent.recent,
    families: [
      ...[requests, durations, refusals, appends, records, recordBytes, objects, objectBytes],
      createGauge('satchel_live_listeners', 'Live streams that are open now.', listeners.now),
      ...[syncFailures, transactions],
      createGauge('satchel_store_transactions', 'Transactions of the store that run or wait now.', transactionsOpen.now),
      ...[storeFailures, gaps],
    ],
  };
}

function createLevel(): Level {
  let now = 0;
  return {
    begin: () => void (now += 1),
    end: () => void (now -= 1),
    now: () => now,
  };
}
