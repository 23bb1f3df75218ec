import { HUB_LIMITS, LIVE_HEARTBEAT } from '../../core/hub-protocol/limits.ts';
import { encodeLiveLine } from '../../core/hub-protocol/wire.ts';
import type { MachineId, SpaceId } from '../../core/ids.ts';
import { encodeRecord, type Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Arrived, Remote } from '../../core/ports/remote.ts';
import type { Role } from './authority.ts';
import type { HubLog } from './hub-app.ts';

export interface LiveStreamDeps {
  readonly remote: Remote;
  readonly clock: Clock;
  readonly log: HubLog;
  readonly roleOf: (space: SpaceId) => Promise<Role | null>;
  /** The reader takes small segments of others with their heads: which machine that is, and how many bytes of one. */
  readonly segmentsFor?: { readonly machine: MachineId; readonly bytes: number };
}

/**
 * The body of a live answer. Memory is O(spaces) whatever happens: while the reader is slow, only the newest head of
 * each space waits, with at most the segment that led there. Roles are looked up at every push.
 */
export function createLiveStream(
  { remote, clock, log, roleOf, segmentsFor }: LiveStreamDeps,
  spaces: readonly SpaceId[],
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const pending = new Map<SpaceId, { readonly head: Head | null; readonly arrived: Arrived | null }>();
  /** What was shown last: whether it may be seen. That it may not any more is said once. */
  const shown = new Map<SpaceId, boolean>();
  let wake: (() => void) | undefined;
  let over = false;

  function end(): void {
    over = true;
    wake?.();
  }

  function fail(error: unknown): void {
    log.warn({ err: error }, 'a live stream ended');
    end();
  }

  function onHead(space: SpaceId, head: Head | null, arrived?: Arrived): void {
    // Behind a head that was never told, it continues nothing that the reader has.
    const isNext = arrived !== undefined && !pending.has(space) && isForReader(arrived, segmentsFor);
    pending.set(space, { head, arrived: isNext ? arrived : null });
    wake?.();
  }

  async function lines(): Promise<Uint8Array[]> {
    const moved = [...pending];
    pending.clear();
    const told: Uint8Array[] = [];
    for (const [space, { head, arrived }] of moved) {
      const allowed = (await roleOf(space)) !== null;
      if (!allowed && shown.get(space) === false) continue;
      shown.set(space, allowed);
      if (allowed && arrived !== null) told.push(lineWith(space, head, arrived));
      else told.push(Buffer.from(encodeLiveLine(space, allowed ? head : null)));
    }
    return told;
  }

  /** Until something moved, the heartbeat is due, or it is over. */
  async function pause(): Promise<void> {
    const waiting = new AbortController();
    await Promise.race([new Promise<void>((resolve) => (wake = resolve)), clock.sleep(LIVE_HEARTBEAT, waiting.signal)]);
    waiting.abort(null); // without a reason an error would be made for it, with its stack
  }

  const watching = new AbortController();
  const stop = (): void => {
    watching.abort();
    end();
  };

  return new ReadableStream<Uint8Array>(
    {
      start() {
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        // However the watch ends, the stream ends: the reader reconnects.
        remote.watch(spaces, onHead, watching.signal).then(end, fail);
      },
      async pull(controller) {
        if (pending.size === 0 && !over) await pause();
        const told = over ? [] : ((await lines().catch(fail)) ?? []);
        const [only = HEARTBEAT, ...more] = told;
        if (!over) return controller.enqueue(more.length === 0 ? only : Buffer.concat(told));
        signal.removeEventListener('abort', stop);
        stop();
        controller.close();
      },
      cancel() {
        signal.removeEventListener('abort', stop);
        stop();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Small, and not the reader's own. */
function isForReader({ records, objects }: Arrived, reader: LiveStreamDeps['segmentsFor']): boolean {
  if (reader === undefined || records.every(({ header }) => header.signer === reader.machine)) return false;
  const bytes = [
    ...records.map(({ headerBytes, body }) => headerBytes.length + body.length),
    ...objects.map((object) => object.bytes.length),
  ];
  return bytes.reduce((sum, length) => sum + length, 0) <= Math.min(reader.bytes, HUB_LIMITS.liveSegmentBytes) - ROOM * bytes.length;
}

/** For each record or object: its signature or id, and what CBOR puts around it. */
const ROOM = 128;

const HEARTBEAT = Buffer.from('\n');

/** Encoded once, and in memory once, for all who read it. */
const encoded = new WeakMap<Arrived, Uint8Array>();

function lineWith(space: SpaceId, head: Head | null, arrived: Arrived): Uint8Array {
  const { expected, records, objects } = arrived;
  const line = encoded.get(arrived) ?? Buffer.from(encodeLiveLine(space, head, { expected, records: records.map(encodeRecord), objects }));
  encoded.set(arrived, line);
  return line;
}
