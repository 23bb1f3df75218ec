import type { Answered } from '../../gateways/native/answered.ts';
import type { Clock } from '../../core/ports/clock.ts';

const MINUTE = 60_000;
const MINUTES = 60;
/** Failures that are remembered one by one. */
const REMEMBERED = 5;

export interface RecentFailure {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** A pattern: no ids. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
}

/** What was asked within the last hour. */
export interface Recent {
  readonly requests: number;
  /** Answered with 500 and above. */
  readonly failed: number;
  /** Answered with 400 to 499, lost races left out: they are everyday life. */
  readonly refused: number;
  /** The newest first. */
  readonly failures: readonly RecentFailure[];
}

export interface RecentRequests {
  readonly note: (answered: Answered) => void;
  readonly recent: () => Recent;
}

interface Minute {
  minute: number;
  requests: number;
  failed: number;
  refused: number;
}

/** Counts by the minute, of an hour: 60 small objects, and O(1) a request. */
export function createRecentRequests(clock: Pick<Clock, 'now'>): RecentRequests {
  const minutes: Minute[] = Array.from({ length: MINUTES }, () => ({ minute: -1, requests: 0, failed: 0, refused: 0 }));
  const failures: RecentFailure[] = [];
  return {
    note({ route, method, status }) {
      const now = clock.now();
      const minute = Math.floor(now / MINUTE);
      const slot = minutes[minute % MINUTES]!;
      if (slot.minute !== minute) Object.assign(slot, { minute, requests: 0, failed: 0, refused: 0 });
      slot.requests += 1;
      if (status >= 500) {
        slot.failed += 1;
        failures.unshift({ at: now, route, method, status });
        failures.length = Math.min(failures.length, REMEMBERED);
      } else if (status >= 400 && !ORDINARY.has(status)) slot.refused += 1;
    },
    recent() {
      const now = clock.now();
      const since = Math.floor(now / MINUTE) - MINUTES;
      const within = minutes.filter(({ minute }) => minute > since);
      const sum = (what: 'requests' | 'failed' | 'refused'): number => within.reduce((total, slot) => total + slot[what], 0);
      return {
        requests: sum('requests'),
        failed: sum('failed'),
        refused: sum('refused'),
        failures: failures.filter(({ at }) => now - at < MINUTES * MINUTE),
      };
    },
  };
}

/** A head that moved, and objects that are to be sent first. */
const ORDINARY: ReadonlySet<number> = new Set([409, 424]);
