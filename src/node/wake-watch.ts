import { networkInterfaces } from 'node:os';
import type { Clock } from '../core/ports/clock.ts';

const LOOK_EVERY = 5_000;
/** So far clocks do not drift apart, nor a look is late, on a machine that is not hard pressed. */
const LATE = 15_000;

export interface WakeWatchDeps {
  readonly clock: Clock;
  /** This machine's addresses as one text. */
  readonly addresses?: () => string;
  /** Milliseconds that this machine was awake, from any time on: a clock that nobody sets. */
  readonly awake?: () => number;
  readonly onWake: (reason: WakeReason) => void;
}

/**
 * `slept`: the clock went on while the machine did not, or was set, which cannot be told apart. `late`: timers are, by
 * all clocks; the machine was too busy, or this process was stopped, or the machine slept where the system counts that as
 * time awake (macOS, Windows, a virtual machine that was paused).
 */
export type WakeReason = 'slept' | 'late' | 'network';

/**
 * Looks every five seconds whether this machine slept, may have slept, or is in another network by now, until the signal
 * aborts. Cost: a system call each time.
 */
export async function watchForWake(
  { clock, addresses = ownAddresses, awake = timeAwake, onWake }: WakeWatchDeps,
  signal: AbortSignal,
): Promise<void> {
  const look = () => ({ at: clock.now(), awake: awake(), addresses: addresses() });
  let last = look();
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) return;
    const now = look();
    const [passed, awakeFor] = [now.at - last.at, now.awake - last.awake];
    if (Math.abs(passed - awakeFor) > LATE) onWake('slept');
    else if (now.addresses !== last.addresses && now.addresses !== '') onWake('network');
    else if (awakeFor - LOOK_EVERY > LATE) onWake('late');
    last = now;
  }
}

/** Linux stops this clock while the machine is suspended; other systems let it go on. */
function timeAwake(): number {
  return performance.now();
}

/** Temporary IPv6 addresses change by themselves, so only their networks count. */
function ownAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = all.filter((address) => !address.internal);
  const names = outer.map(({ family, address }) => (family === 'IPv6' ? address.split(':').slice(0, 4).join(':') : address));
  return [...new Set(names)].toSorted().join(' ');
}
