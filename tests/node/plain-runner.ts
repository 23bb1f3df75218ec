import type { Clock } from '../../src/core/ports/clock.ts';
import type { Random } from '../../src/core/ports/random.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import type { HubLog } from '../../src/gateways/native/hub-app.ts';
import { SpaceRunner, type SpaceRunnerDeps } from '../../src/node/space-runner.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as HubLog;

/** The middle of its range, always: pauses are neither shortened nor stretched. */
export const MIDDLE: Random = { bytes: (length) => new Uint8Array(length).fill(128) };

/** Time stands still: pauses last until something ends them. */
export const STILL: Clock = {
  now: () => 1_750_000_000_000,
  sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
};

/** Lets go on what waits for nothing but its turn. */
export async function takeTurns(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A runner that says nothing and puts nothing in place, by the system's time and chance: unless `other` has something else. Not started yet. */
export function createPlainRunner(replica: Replica, remote: Remote, other: Partial<SpaceRunnerDeps> = {}): SpaceRunner {
  return new SpaceRunner({
    replica,
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: SILENT,
    openRemote: () => Promise.resolve(remote),
    apply: () => Promise.resolve(),
    ...other,
  });
}
