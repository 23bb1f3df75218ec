import path from 'node:path';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { memDatabase } from './mem-rows.ts';
import { findRefusal } from './sync-ailments.ts';
import { readSyncPath } from './sync-path.ts';
import { findWedgeInLog } from './wedged-log.ts';
import type { SatchelNode } from '../node.ts';

/** That claude-mem's own sync, which carries its rows in place of this node, does not go on. */
export interface MemTrouble {
  /** What it sends is refused until somebody does something; else it tries again by itself. */
  readonly refused: boolean;
  readonly problem: string;
  readonly remedy: string | null;
}

/** Of a worker that runs and does not say how it is. Milliseconds. */
const PATIENCE = 1_000;

/** `null` where it syncs, where it has no sync, and where this node leaves it alone. Asks its worker, where that runs, and reads the end of its log. */
export async function memTrouble(node: SatchelNode): Promise<MemTrouble | null> {
  if (node.config.hub || !node.isLive || memDatabase(node.config) === null) return null;
  const folder = node.config.environment.claudeMemHome;
  const way = await readSyncPath(node.home, folder);
  if (way.type === 'none') return null;
  const refusal = await findRefusal(node, way, folder, PATIENCE);
  if (refusal !== null) return { refused: refusal.result === 'fail', problem: refusal.reason, remedy: refusal.advice };
  const wedge = await findWedge(folder);
  return wedge === null ? null : { refused: false, problem: wedge.reason, remedy: wedge.advice };
}

/** None where its database cannot be read: whoever reads its rows says so. */
async function findWedge(folder: string): ReturnType<typeof findWedgeInLog> {
  const file = path.join(folder, 'claude-mem.db');
  try {
    return mayNotOpen(file) === null ? await findWedgeInLog(folder, file, false) : null;
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return null;
    throw error;
  }
}
