import { PlaceDamaged, PlaceLost, RemoteError, RemoteFull } from '../core/ports/remote.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Divergence } from '../core/replica/chain.ts';
import type { SyncReport } from '../core/replica/transfer.ts';

export type SyncProblemType =
  | RemoteError['type']
  | Divergence['type']
  | 'waiting-for-key'
  | 'unknown-feature'
  | 'not-a-member'
  | 'not-shown'
  | 'place-lost'
  | 'place-damaged'
  | 'remote-full'
  | 'failed';

export interface SyncProblem {
  readonly type: SyncProblemType;
  /** In words, without a full stop. */
  readonly message: string;
}

/** What kind of problem it is that a sync failed with. */
export function problemTypeOf(error: unknown): SyncProblemType {
  if (error instanceof PlaceLost) return 'place-lost';
  if (error instanceof PlaceDamaged) return 'place-damaged';
  if (error instanceof RemoteFull) return 'remote-full';
  return error instanceof RemoteError ? error.type : 'failed';
}

/** Why a sync that went through did not bring local and remote log together; `null` where it did. */
export function problemOf(report: SyncReport, replica: Replica, wasRemoved = false): SyncProblem | null {
  const { stop } = replica;
  if (replica.isRevoked || wasRemoved) return { type: 'not-a-member', message: 'this machine was revoked' };
  const { divergence } = report;
  if (divergence !== null) {
    const isHidden = divergence.type === 'rolled-back' && divergence.remote === null;
    return { type: isHidden ? 'not-shown' : divergence.type, message: describeDivergence(divergence) };
  }
  if (stop?.type === 'waiting-for-key') {
    return { type: stop.type, message: `record ${stop.position} needs a key that this machine does not have` };
  }
  if (stop?.type === 'unknown-feature')
    return { type: stop.type, message: `the space needs the feature "${stop.feature}": update Satchel` };
  return null;
}

export function describeDivergence(divergence: Divergence): string {
  switch (divergence.type) {
    case 'rolled-back':
      if (divergence.remote === null)
        return 'the remote does not show this space to this machine any more: this machine was revoked, or the remote lost the space';
      return `the remote lost records that this machine has seen (it is at ${divergence.remote.position}, this machine at ${divergence.local.position}): was it restored from a backup?`;
    case 'forked':
      return `the remote shows another history than this machine has seen, from record ${divergence.remote.position} on`;
    case 'broken':
      return `the remote's record ${divergence.position} is broken: ${divergence.reason}`;
  }
}
