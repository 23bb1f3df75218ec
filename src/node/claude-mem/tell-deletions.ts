import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { capturedUpTo } from '../../gateways/claude-mem/captured-cursor.ts';
import { OPS_PER_REQUEST, parseOp, type Op } from '../../gateways/claude-mem/schema.ts';
import { queuedDeletions } from '../../sources/claude-mem/queued-deletions.ts';
import type { SatchelNode } from '../node.ts';
import { readForeign } from '../read-foreign.ts';
import { localWorker } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { pushRemoteOps } from './remote-feed.ts';
import { readDeviceId, readSyncSettings } from './settings-edit.ts';
import { isPrivate, readSyncPath } from './sync-path.ts';

/** Rows that claude-mem deleted, and that nobody could be told of. */
export interface Untold {
  readonly rows: number;
  readonly reason: string;
}

type NodeParts = Pick<SatchelNode, 'store' | 'deps' | 'home' | 'isLive' | 'claudeMemFeeds' | 'claudeMemWorker'>;

/** The node has its own place in what was pushed: a space that it makes of that has it a moment later. Milliseconds. */
const HEARD_AFTER = 5_000;
const LOOK_AGAIN = 50;

/**
 * Before a worker goes another way: tells where it synced until now what it deleted and has not sent yet, in its name and with its very bytes. No
 * view of a source knows rows that it made meanwhile, so nobody else would miss them; sent again by the worker it is the same op. `null` where all
 * is told. O(queue), and a request each 500 ops where that is another node.
 */
export async function tellDeletions(node: NodeParts): Promise<Untold | null> {
  const { home, claudeMemWorker } = node;
  const { claudeMemHome } = claudeMemWorker;
  const way = await readSyncPath(home, claudeMemHome);
  if (way.type === 'none' || way.type === 'other') return null;
  const settings = await readForeign(path.join(claudeMemHome, 'settings.json'));
  const device = settings.ok ? readDeviceId(settings.value) : null;
  const written = settings.ok ? readSyncSettings(settings.value) : settings;
  if (device === null || !written.ok) return null;
  const ops = deletionsOf(path.join(claudeMemHome, 'claude-mem.db'), device);
  if (ops.length === 0) return null;
  const token = written.value.CLAUDE_MEM_CLOUD_SYNC_TOKEN;
  const tell = (some: readonly Op[]): Promise<Result<void, string>> =>
    way.type !== 'gateway'
      ? pushHere(node, device, some)
      : typeof token === 'string' && isPrivate(way.url)
        ? pushRemoteOps({ url: way.url, user: way.user, token: token.trim(), device }, some)
        : Promise.resolve(fail('a token does not travel over plain http'));
  const untold = { rows: 0, reason: '' };
  for (let from = 0; from < ops.length; from += OPS_PER_REQUEST) {
    const some = ops.slice(from, from + OPS_PER_REQUEST);
    const told = await tell(some);
    if (told.ok) continue;
    untold.rows += some.filter(isDeletion).length;
    untold.reason = told.error;
  }
  return untold.rows === 0 ? null : untold;
}

const isDeletion = ({ says }: Op): boolean => says.kind !== 'mutation' && says.deleted;

/** None where the database cannot be read: who looks into it next says so. */
function deletionsOf(file: string, device: string): Op[] {
  try {
    return queuedDeletions(file).flatMap((queued) => {
      const op = parseOp(queued);
      return op.ok && op.value.says.origin_device_id === device ? [op.value] : [];
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return [];
    throw error;
  }
}

async function pushHere(node: NodeParts, device: string, ops: readonly Op[]): Promise<Result<void, string>> {
  const worker = await localWorker(node.claudeMemWorker);
  if (worker === null) return fail('it is not known here');
  const pushed = await node.claudeMemFeeds.push(worker.user, device, ops);
  if (!pushed.ok) return pushed;
  const last = pushed.value.acks.reduce((most, { number }) => Math.max(most, number), 0);
  if (node.isLive && worker.user === PERSONAL_USER) await heard(node, last);
  return ok(undefined);
}

/** Else the source would put such a row back, for as long as the space has it. */
async function heard({ store, deps }: NodeParts, number: number): Promise<void> {
  const { clock }: { readonly clock: Clock } = deps;
  const until = clock.now() + HEARD_AFTER;
  while ((await capturedUpTo(store, PERSONAL_USER)) < number && clock.now() < until) await clock.sleep(LOOK_AGAIN);
}
