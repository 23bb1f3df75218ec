import { networkInterfaces } from 'node:os';
import type { Clock } from '../core/ports/clock.ts';

const LOOK_EVERY = 5_000;
/** A look that is so late was not only made to wait by a busy machine. */
const LATE = 15_000;

export interface WakeWatchDeps {
  readonly clock: Clock;
  /** This machine's addresses as one text. */
  readonly addresses?: () => string;
  readonly onWake: (reason: 'slept' | 'network') => void;
}

/**
 * Looks every five seconds whether this machine slept (or its clock was set, which cannot be told apart) or is in
 * another network by now, until the signal aborts. Cost: a system call each time.
 */
export async function watchForWake({ clock, addresses = ownAddresses, onWake }: WakeWatchDeps, signal: AbortSignal): Promise<void> {
  let [looked, known] = [clock.now(), addresses()];
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) return;
    const [now, found] = [clock.now(), addresses()];
    if (Math.abs(now - looked - LOOK_EVERY) > LATE) onWake('slept');
    else if (found !== known && found !== '') onWake('network');
    [looked, known] = [now, found];
  }
}

/** Temporary IPv6 addresses change by themselves, so only their networks count. */
function ownAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = all.filter((address) => !address.internal);
  const names = outer.map(({ family, address }) => (family === 'IPv6' ? address.split(':').slice(0, 4).join(':') : address));
  return [...new Set(names)].toSorted().join(' ');
}
