import type { Content } from '../../core/content.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import type { OpenSpace } from '../node.ts';

/** Brings bodies here for one piece of work, and asks no more once the remote could not be reached. */
export interface Reach {
  /** In few round trips, as far as that can be had. */
  bring(contents: readonly Content[]): Promise<void>;
  /** False for what is not here while the remote cannot be reached: nobody waits for it twice. */
  mayHave(content: Content): Promise<boolean>;
}

export function createReach({ replica, runner }: OpenSpace): Reach {
  let [isOffline, wasTried] = [false, false];

  /** A node that does not run has no connection yet. */
  async function connect(): Promise<boolean> {
    wasTried = true;
    try {
      await runner.connected();
      return true;
    } catch (error) {
      if (error instanceof RemoteError) return false;
      throw error;
    }
  }

  return {
    async bring(contents) {
      for (;;) {
        if (isOffline) return;
        try {
          return await replica.bodies.prefetch(contents);
        } catch (error) {
          if (!(error instanceof BodyUnavailable)) throw error;
          if (error.reason !== 'offline') return;
          isOffline = wasTried || !(await connect());
        }
      }
    },
    async mayHave(content) {
      if (!isOffline) return true;
      const ids = [...new Set(content.pieces.map(({ object }) => replica.formsOf(object)).flat())];
      const here = await replica.deps.objects.has(replica.space, ids);
      return content.pieces.every(({ object }) => replica.formsOf(object).some((form) => here.has(form)));
    },
  };
}
