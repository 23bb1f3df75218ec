import type { Clock } from '../../core/ports/clock.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';

/** A client asked what there is to download, in its nth session. */
export interface Pull {
  readonly project: MnemeProject;
  readonly of: MnemeClient;
  readonly session: number;
}

/** The pulls that may still be going on. */
export interface Pulls {
  began(pull: Pull): void;
  /** The last one of a client, where it may still be going on. O(1). */
  last(client: MnemeClient, project: MnemeProject): Pull | null;
  /** The one client of a key whose pull may still be going on; `null`: none, or several. O(pulls within a minute). */
  only(key: string, project: MnemeProject): MnemeClient | null;
}

/** A session's hook is ended after half that time. Milliseconds. */
const OVER_AFTER = 60_000;

export function createPulls(clock: Clock): Pulls {
  const going = new Map<string, { readonly pull: Pull; readonly at: number }>();
  const keyOf = (client: MnemeClient, project: MnemeProject): string => `${client.writer}/${project}`;
  const isOver = (at: number): boolean => Math.abs(clock.now() - at) > OVER_AFTER;

  return {
    began(pull) {
      for (const [key, { at }] of going) {
        if (!isOver(at)) break; // the oldest stand first
        going.delete(key);
      }
      const key = keyOf(pull.of, pull.project);
      going.delete(key);
      going.set(key, { pull, at: clock.now() });
    },
    last(client, project) {
      const found = going.get(keyOf(client, project));
      return found === undefined || isOver(found.at) ? null : found.pull;
    },
    only(key, project) {
      let found: MnemeClient | null = null;
      for (const { pull, at } of going.values()) {
        if (pull.of.key !== key || pull.project !== project || isOver(at)) continue;
        if (found !== null) return null;
        found = pull.of;
      }
      return found;
    },
  };
}
