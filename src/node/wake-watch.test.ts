import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/ports/clock.ts';
import { watchForWake } from './wake-watch.ts';

/** What `onWake` was called with, where each look comes as late and finds such addresses as said. */
async function wakes(looks: readonly { readonly after: number; readonly addresses?: string }[]): Promise<string[]> {
  const stop = new AbortController();
  let [now, at] = [1_000_000, 0];
  let addresses = '10.0.0.2';
  const clock: Clock = {
    now: () => now,
    async sleep() {
      const look = looks[at++];
      if (look === undefined) return stop.abort();
      now += look.after;
      addresses = look.addresses ?? addresses;
    },
  };
  const found: string[] = [];
  await watchForWake({ clock, addresses: () => addresses, onWake: (reason) => found.push(reason) }, stop.signal);
  return found;
}

describe('a machine', () => {
  it('that is awake in one network is left alone', async () => {
    expect(await wakes([{ after: 5_000 }, { after: 9_000 }, { after: 5_001 }])).toEqual([]);
  });

  it('that slept, or whose clock was set, woke up', async () => {
    expect(await wakes([{ after: 3_600_000 }, { after: 5_000 }, { after: -86_400_000 }, { after: 5_000 }])).toEqual(['slept', 'slept']);
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
