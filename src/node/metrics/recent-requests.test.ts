import { describe, expect, it } from 'vitest';
import { createRecentRequests } from './recent-requests.ts';

const MINUTE = 60_000;

describe('the requests of the last hour', () => {
  it('are counted by the minute, and forgotten after an hour', () => {
    let now = 1_000 * MINUTE;
    const { note, recent } = createRecentRequests({ now: () => now });
    const ask = (status: number): void => note({ route: '/healthz', method: 'GET', status, ms: 1 });
    for (const status of [200, 409, 424, 404, 503]) ask(status);
    now += 30 * MINUTE;
    ask(500);
    expect(recent()).toMatchObject({ requests: 6, failed: 2, refused: 1 });
    expect(recent().failures.map(({ status }) => status)).toEqual([500, 503]);
    now += 30 * MINUTE;
    expect(recent()).toMatchObject({ requests: 1, failed: 1, refused: 0 });
    ask(200); // in the slot of the first minute
    expect(recent()).toMatchObject({ requests: 2, failed: 1 });
    now += 24 * 60 * MINUTE;
    expect(recent()).toEqual({ requests: 0, failed: 0, refused: 0, failures: [] });
  });

  it('keep few of many failures', () => {
    let now = 0;
    const { note, recent } = createRecentRequests({ now: () => now });
    for (let n = 0; n < 50; n += 1) {
      now += 1_000;
      note({ route: `/${n}`, method: 'GET', status: 500, ms: 1 });
    }
    expect(recent().failed).toBe(50);
    expect(recent().failures.map(({ route }) => route)).toEqual(['/49', '/48', '/47', '/46', '/45']);
  });
});
