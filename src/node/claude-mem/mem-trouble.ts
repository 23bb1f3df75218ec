import { memDatabase } from './mem-rows.ts';
import { findRefusal } from './sync-ailments.ts';
import { readSyncPath } from './sync-path.ts';
import type { SatchelNode } from '../node.ts';

/** That claude-mem's own sync, which carries its rows in place of this node, does not go on. */
export interface MemTrouble {
  /** It is refused until somebody does something; else it tries again by itself. */
  readonly refused: boolean;
  readonly problem: string;
  readonly remedy: string | null;
}

/** Of a worker that runs and does not say how it is. Milliseconds. */
const PATIENCE = 1_000;

/** `null` where it syncs, where it has no sync, and where this node leaves it alone. Asks its worker, where that runs. */
export async function memTrouble(node: SatchelNode): Promise<MemTrouble | null> {
  if (node.config.hub || !node.isLive || memDatabase(node.config) === null) return null;
  const folder = node.config.environment.claudeMemHome;
  const refusal = await findRefusal(node, await readSyncPath(node.home, folder), folder, PATIENCE);
  if (refusal === null) return null;
  return { refused: refusal.result === 'fail', problem: refusal.reason, remedy: refusal.advice };
}
