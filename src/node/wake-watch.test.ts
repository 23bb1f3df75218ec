import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/ports/clock.ts';
import { watchForWake } from './wake-watch.ts';

/** By the machine's clock a look comes `after` the one before; it was awake for `awake` of that, else all the time. */
interface Look {
  readonly after: number;
  readonly awake?: number;
  readonly addresses?: string;
}

/** What `onWake` was called with, where each look comes as late and finds such addresses as said. */
async function wakes(looks: readonly Look[]): Promise<string[]> {
  const stop = new AbortController();
  let [now, awake, at] = [1_000_000, 7, 0];
  let addresses = '10.0.0.2';
  const clock: Clock = {
    now: () => now,
    async sleep() {
      const look = looks[at++];
      if (look === undefined) return stop.abort();
      now += look.after;
      awake += look.awake ?? look.after;
      addresses = look.addresses ?? addresses;
    },
  };
  const found: string[] = [];
  await watchForWake({ clock, awake: () => awake, addresses: () => addresses, onWake: (reason) => found.push(reason) }, stop.signal);
  return found;
}

describe('a machine', () => {
  it('that is awake in one network is left alone', async () => {
    expect(await wakes([{ after: 5_000 }, { after: 9_000 }, { after: 5_001 }])).toEqual([]);
  });

  it('that slept, or whose clock was set, woke up', async () => {
    const looks = [{ after: 3_600_000, awake: 5_000 }, { after: 5_000 }, { after: -86_400_000, awake: 5_000 }, { after: 5_000 }];
    expect(await wakes(looks)).toEqual(['slept', 'slept']);
  });

  it('that slept a little while it was busy woke up', async () => {
    expect(await wakes([{ after: 60_000, awake: 30_000 }])).toEqual(['slept']);
  });

  it('whose timers are late by all its clocks may have been busy, or stopped', async () => {
    expect(await wakes([{ after: 25_000 }, { after: 5_000 }, { after: 19_000 }, { after: 400_000 }])).toEqual(['late', 'late']);
  });

  it('whose timers are late in another network was not only busy', async () => {
    expect(await wakes([{ after: 25_000, addresses: '192.168.0.7' }])).toEqual(['network']);
  });

  it('that comes into another network woke up; one that lost its network did not', async () => {
    const looks = [
      { after: 5_000, addresses: '' },
      { after: 5_000, addresses: '' },
      { after: 5_000, addresses: '192.168.0.7' },
      { after: 5_000 },
    ];
    expect(await wakes(looks)).toEqual(['network']);
  });
});
