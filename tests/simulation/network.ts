import type { LogRecord } from '../../src/core/log/record.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import type { createSeededRandom } from '../doubles/seeded-random.ts';
import type { Faults } from './faults.ts';
import { Violation } from './violation.ts';

export type SimRandom = ReturnType<typeof createSeededRandom>;

/** The network as one machine has it. */
export interface Weather {
  up: boolean;
  /** The part of calls that goes wrong, 0 to 1. */
  loss: number;
}

/** Requests that are still under way: they arrive late, in any order, and nobody hears the answer. */
export interface Mail {
  late: (() => Promise<unknown>)[];
}

export interface LinkDeps {
  /** The remote that is called now: a machine follows its home. */
  readonly remote: () => Remote;
  readonly faults: Faults;
  readonly random: SimRandom;
  readonly weather: Weather;
  readonly mail: Mail;
  readonly note: (what: string) => void;
  /** Records that the remote gives at once, where it gives fewer than it is asked for. */
  readonly pageRecords: number;
  readonly onSent: (records: readonly LogRecord[]) => void;
}

export interface Link extends Remote {
  /** Calls since the last reset: a round of sync that never ends is a livelock. */
  resetCalls(): void;
}

const MOST_CALLS = 2_000;

/** A remote behind a bad network: requests and answers get lost, arrive twice, late, and out of order. */
export function createLink({ remote, faults, random, weather, mail, note, pageRecords, onSent }: LinkDeps): Link {
  let calls = 0;

  async function call<T>(name: string, run: () => Promise<T>): Promise<T> {
    calls += 1;
    if (calls > MOST_CALLS) throw new Violation(`more than ${MOST_CALLS} calls in one action: ${name} goes on for ever`);
    faults.point(`${name} sent`, 'after');
    await pause();
    if (!weather.up) throw new RemoteError('unreachable', 'partitioned');
    const fault = random.chance(weather.loss) ? random.below(5) : null;
    if (fault !== null) note(`${name}: ${['request lost', 'answer lost', 'request late', 'request twice', 'answer late'][fault]}`);
    if (fault === 0) throw new RemoteError('unreachable', 'the request was lost');
    if (fault === 2 || fault === 3) mail.late.push(run);
    if (fault === 2) throw new RemoteError('unreachable', 'no answer');
    const answer = await run();
    if (fault === 1) throw new RemoteError('unreachable', 'the answer was lost');
    await pause();
    if (fault === 4) await pause();
    faults.point(`${name} answered`, 'after');
    return answer;
  }

  /** Others get their turn: so many that the orders differ from call to call. */
  async function pause(): Promise<void> {
    for (let left = random.below(12); left > 0; left -= 1) await Promise.resolve();
  }

  return {
    ...remote(),
    head: (space) => call('head', () => remote().head(space)),
    read: (space, from, limit) => {
      const page = { ...limit, records: Math.min(limit.records, pageRecords) };
      return call('read', () => remote().read(space, from, page));
    },
    append: (space, expected, segment) => {
      onSent(segment.records);
      return send('append', (to) => to.append(space, expected, segment));
    },
    hasObjects: (space, ids) => call('has', () => remote().hasObjects(space, ids)),
    putObjects: (space, objects) => send('put', (to) => to.putObjects(space, objects)),
    getObjects: (space, ids) => call('get', () => remote().getObjects(space, ids)),
    deleteObjects: (space, ids) => send('delete', (to) => to.deleteObjects(space, ids)),
    readCheckpoint: (space) => call('checkpoint', () => remote().readCheckpoint(space)),
    writeCheckpoint: (space, position, bytes) => send('write checkpoint', (to) => to.writeCheckpoint(space, position, bytes)),
    resetCalls() {
      calls = 0;
    },
  };

  /** A late request arrives where it was sent to. */
  function send<T>(name: string, run: (to: Remote) => Promise<T>): Promise<T> {
    const to = remote();
    return call(name, () => run(to));
  }
}
