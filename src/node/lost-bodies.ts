import type { Head } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { bringAgain } from '../core/replica/bring-again.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';

/** Brings a home again what it lost, and this machine has: asked with the first sync, where it told of it, and now and then. */
export interface LostBodies {
  /** How many objects, since this was made. */
  readonly brought: number;
  /** The home is asked with the next sync, whenever it was asked last. */
  ask(): void;
  /** The home is heard of again, and tells of this head: what else it told of meanwhile was missed, and it is asked. */
  cameBack(head: Head | null): void;
  /** Whether a home that tells of this head means something else by it: its log stands there since it was told of last. */
  isTold(head: Head | null): boolean;
  /** Asks the home, where it is time, and brings what it wants. Never rejects: what fails is tried again. */
  bring(remote: Remote): Promise<void>;
}

/** Milliseconds after which a home is asked again that says nothing by itself: where the hubs of one database do not hear each other, each tells only of what itself missed. */
const ASK_AGAIN = 10 * 60_000;

/** So often within so many milliseconds a home is heeded that tells of its head again: one that never stops is not. */
const HEEDED = { times: 30, within: 60_000 };

export function createLostBodies({
  replica,
  clock,
  log,
}: {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: HubLog;
}): LostBodies {
  let brought = 0;
  let told: Head | null = null;
  let heeded: number[] = [];
  let asked: { readonly remote: Remote; readonly at: number } | null = null;

  return {
    get brought() {
      return brought;
    },
    ask: () => void (asked = null),
    cameBack(head) {
      told = head;
      asked = null;
    },
    isTold(head) {
      const isSame = head !== null && head.hash === told?.hash;
      told = head;
      if (!isSame) return false;
      const now = clock.now();
      heeded = heeded.filter((at) => Math.abs(now - at) < HEEDED.within);
      if (heeded.length >= HEEDED.times) return false;
      heeded.push(now);
      return true;
    },
    async bring(remote) {
      if (asked?.remote === remote && Math.abs(clock.now() - asked.at) < ASK_AGAIN) return;
      asked = { remote, at: clock.now() };
      try {
        const count = await bringAgain(replica, remote);
        brought += count;
        if (count > 0) log.info({ space: replica.space, objects: count }, 'bodies that the home had lost were brought again');
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error;
        asked = null;
        log.warn({ type: error.type }, 'bodies that the home lost could not be brought again yet');
      }
    },
  };
}
