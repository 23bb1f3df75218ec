import { expect, it } from 'vitest';
import type { BatchRate } from './batches.ts';
import type { HubRow } from './bench-hub.ts';
import { hubReportToText } from './hub-report.ts';
import { percentile } from './measured.ts';

const row = (round: number, perSecond: number, p50?: number): HubRow => ({
  load: '1 writers, a space each',
  kind: 'PostgreSQL',
  round,
  unit: 'commits',
  count: 10,
  perSecond,
  hubCpu: 4.25,
  databaseCpu: 1.5,
  clientCpu: 0.5,
  hubMegabytes: 90,
  hubPeakMegabytes: 95,
  databaseMegabytes: 40,
  ...(p50 === undefined ? {} : { p50, p95: 2 * p50 }),
});

it('says the medians of all rounds of a load at a hub', () => {
  const text = hubReportToText({
    rows: [row(0, 300, 2), row(1, 100, 6), row(2, 200, 4)],
    batches: [],
    long: [],
    restarts: [],
    lateJoin: null,
    fresh: [],
    turnedAway: {},
  });
  expect(text.split('\n').slice(2)).toEqual([
    '| 1 writers, a space each | PostgreSQL | 200 commits | 4.0, 8.0 | 4.25, 1.50, 0.50 | 90, 95, 40 |',
  ]);
});

it('says what was turned away, and what bodies take that lie elsewhere', () => {
  const memory = { hubMegabytes: 90, hubPeakMegabytes: 95, databaseMegabytes: 40 };
  const long = [
    {
      kind: 'PostgreSQL, bucket' as const,
      records: 5_051,
      single: { p50: 20, cpu: 9.5 },
      segmentCpu: 140,
      pull: { ms: 50, cpu: 30 },
      disk: { store: 4e6, bodies: null },
      memory,
    },
  ];
  const text = hubReportToText({ rows: [], batches: [], long, restarts: [], lateJoin: null, fresh: [], turnedAway: { busy: 3 } });
  expect(text).toContain('3 requests were sent again: busy');
  expect(text).toContain('| 5051 | PostgreSQL, bucket | 20.0, 9.5 | 140 | 50, 30 | 4.0 MB, elsewhere | 90, 40 |');
});

it('says what batches of small changes reach of the raw rate of the same turn', () => {
  const rate = (place: BatchRate['place'], perSecond: number, round: number): BatchRate => ({
    kind: 'PostgreSQL',
    place,
    round,
    changes: 100,
    perSecond,
  });
  // The medians are 20 and 60, their turns' ratios 0.5, 0.5 and 0.25.
  const turns = [
    [10, 20],
    [30, 60],
    [20, 80],
  ];
  const batches = turns.flatMap(([each = 0, raw = 0], round) => [
    rate('its store, in process', each, round),
    rate('raw inserts', raw, round),
  ]);
  const text = hubReportToText({ rows: [], batches, long: [], restarts: [], lateJoin: null, fresh: [], turnedAway: {} });
  expect(text).toContain('| PostgreSQL |  | 20 (0.50 ×) | 60 (1.00 ×) |');
});

it('says what a fresh machine took', () => {
  const figures = { seconds: 1.25, cpu: 0.5, peakMegabytes: 99 };
  const fresh = [{ changes: 1_000, perCommit: 10, items: 50, start: figures, invite: figures, join: figures, history: figures }];
  const text = hubReportToText({ rows: [], batches: [], long: [], restarts: [], lateJoin: null, fresh, turnedAway: {} });
  expect(text).toContain('| 1000 changes of 50 items, 10 to a commit | s | s of CPU | MB at most |');
  expect(text).toContain('| history | 1.3 | 0.5 | 99 |');
});

it('takes the value that so many of a hundred do not exceed', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect([percentile(values, 0.5), percentile(values, 0.95), percentile([7], 0.95)]).toEqual([51, 96, 7]);
  expect(percentile([], 0.5)).toBeNaN();
});
