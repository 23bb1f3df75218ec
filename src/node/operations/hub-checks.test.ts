import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { hubChecks } from './hub-checks.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const GIB = 1024 ** 3;

const well: Parameters<typeof hubChecks>[0] = {
  store: { type: 'sqlite', place: null, bytes: 1, bucket: null, bucket_problem: null, stopped_spaces: 0, problem: null },
  spaces: { count: 1, records: 1, bytes: 1, wanted: 0, machines: 1, machines_last_hour: 0, machines_last_day: 0, largest: [] },
  last_backup: { at: '2026-11-20T12:00:00Z', bytes: 1 },
  requests: { last_hour: 1000, failed: 0, refused: 9, failures: [] },
  disk: { free_bytes: 10 * GIB, total_bytes: 100 * GIB },
  home: { root: '/hub', log: '/hub/node.log' },
  remedy: null,
  bucketRemedy: null,
  stoppedChecks: [],
  full: null,
  now,
};

const resultsOf = (facts: Partial<typeof well>): Record<string, string> =>
  Object.fromEntries(hubChecks({ ...well, ...facts }).map(({ id, result }) => [id, result]));

describe('what is wrong with a hub', () => {
  it('is nothing where nothing is', () => {
    expect(resultsOf({})).toEqual({ 'hub.store': 'ok', 'hub.requests': 'ok', 'disk.space': 'ok', 'hub.backup': 'ok' });
  });

  it('is a store that does not answer', () => {
    expect(resultsOf({ store: { ...well.store, problem: 'away' } })['hub.store']).toBe('fail');
  });

  it('is a bucket that cannot be used, apart from the store: logs are served', () => {
    const store = { ...well.store, bucket: 's3://b' };
    expect(resultsOf({ store })).toMatchObject({ 'hub.store': 'ok', 'hub.bucket': 'ok' });
    const [, check] = hubChecks({ ...well, store: { ...store, bucket_problem: 'it is away' }, bucketRemedy: 'Bring it back' });
    expect(check).toMatchObject({
      id: 'hub.bucket',
      result: 'fail',
      reason: expect.stringContaining('it is away') as string,
      next_step: 'Bring it back',
    });
  });

  it.each([
    [1, 'warn'],
    [50, 'warn'],
    [51, 'fail'],
  ])('is %i failed requests of a thousand: %s', (failed, result) => {
    expect(resultsOf({ requests: { ...well.requests, failed } })['hub.requests']).toBe(result);
  });

  it.each([
    [1, 1, 'warn'],
    [12, 1, 'warn'],
    [12, 2, 'fail'],
    [40, 2, 'warn'],
    [39, 2, 'fail'],
  ])('is, of the first %i requests, %i that failed: %s', (all, failed, result) => {
    expect(resultsOf({ requests: { ...well.requests, last_hour: all, failed } })['hub.requests']).toBe(result);
  });

  it.each([
    [0.99 * GIB, 'warn'],
    [0.05 * GIB, 'warn'],
    [0, 'fail'],
  ])('is little room: %d bytes', (free, result) => {
    expect(resultsOf({ disk: { ...well.disk, free_bytes: free } })['disk.space']).toBe(result);
  });

  it('is that nothing is taken for want of room, whatever is free', () => {
    const full = new StoreUnavailable('full', 'the disk of the database is full', { retryAfter: 1, remedy: 'Make room there' });
    const check = hubChecks({ ...well, full }).find(({ id }) => id === 'disk.space');
    expect(check).toMatchObject({ result: 'fail', reason: full.message, next_step: full.remedy });
  });

  it('is a backup that is missing or old, unless a database has its own, or there is nothing to lose', () => {
    const old = { at: '2026-11-10T12:00:00Z', bytes: 1 };
    for (const last_backup of [null, old]) expect(resultsOf({ last_backup })['hub.backup']).toBe('warn');
    expect(resultsOf({ last_backup: null, store: { ...well.store, type: 'postgres' } })['hub.backup']).toBeUndefined();
    expect(resultsOf({ last_backup: null, spaces: { ...well.spaces!, count: 0 } })['hub.backup']).toBeUndefined();
  });

  it('is a body that logs need, and that is not there', () => {
    expect(resultsOf({ spaces: { ...well.spaces!, wanted: 1 } })['hub.bodies']).toBe('fail');
    expect(resultsOf({})['hub.bodies']).toBeUndefined();
  });

  it('always says what to do', () => {
    const bad = hubChecks({
      ...well,
      store: { ...well.store, problem: 'away' },
      requests: { ...well.requests, failed: 900 },
      disk: { ...well.disk, free_bytes: 0 },
      last_backup: null,
      remedy: 'start it',
    });
    expect(bad.map(({ result, next_step: next }) => [result, next !== null])).toEqual([
      ['fail', true],
      ['fail', true],
      ['fail', true],
      ['warn', true],
    ]);
  });
});
