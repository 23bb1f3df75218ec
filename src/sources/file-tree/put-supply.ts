import type { Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { planApply } from './plan-apply.ts';
import type { PutOutstanding } from './ready-puts.ts';

const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ITEMS = 500;
const LARGE_BYTES = 1024 * 1024;
/** What came while an apply was under way is put in place by it up to so many items: captures wait for its end. */
const MORE_ITEMS = 20_000;

export type Lane = 'small' | 'large';

/** What is to be put in place, in batches. What is large takes long to fetch, and the rest does not wait for it. */
export interface PutSupply {
  /** The next batch of a lane, never the same item twice; looks for what came meanwhile when the lane is empty. `null`: nothing. */
  next(lane: Lane): Promise<readonly PutOutstanding[] | null>;
  /** Whether the lane has something at hand. */
  has(lane: Lane): boolean;
}

/** `mayLook`: false where what came meanwhile has to wait for the next apply. Cost of a look: O(outstanding). */
export function createPutSupply(context: TreeContext, puts: readonly PutOutstanding[], mayLook: boolean): PutSupply {
  const lanes: Record<Lane, PutOutstanding[]> = { small: [], large: [] };
  const handed = new Set<string>();
  let more = mayLook ? MORE_ITEMS : 0;
  let looking: Promise<void> | null = null;

  function take(found: readonly PutOutstanding[]): void {
    for (const put of found) {
      handed.add(put.item.name);
      lanes[put.content.size >= LARGE_BYTES ? 'large' : 'small'].push(put);
    }
  }

  async function look(): Promise<void> {
    const { due } = await planApply(context, null);
    // A put may need the place of what is to be removed: both wait for the next apply, which removes first.
    if (!due.every(isPut)) more = 0;
    const found = due.filter(isPut).filter(({ item }) => !handed.has(item.name));
    take(found.slice(0, more));
    more = Math.max(0, more - found.length);
  }

  take(puts);
  return {
    has: (lane) => lanes[lane].length > 0,
    async next(lane) {
      if (lanes[lane].length === 0 && more > 0) {
        looking ??= look().finally(() => (looking = null));
        await looking;
      }
      const count = batchLength(lanes[lane]);
      return count === 0 ? null : lanes[lane].splice(0, count);
    },
  };
}

/** How many of the first ones make a batch. */
function batchLength(puts: readonly PutOutstanding[]): number {
  let bytes = 0;
  const end = puts.findIndex(({ content }, index) => {
    bytes += content.size;
    return index > 0 && (index >= BATCH_ITEMS || bytes > BATCH_BYTES);
  });
  return end < 0 ? puts.length : end;
}

export function isPut(outstanding: Outstanding): outstanding is PutOutstanding {
  return outstanding.content !== null;
}
