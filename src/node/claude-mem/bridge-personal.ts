import type { Replica } from '../../core/replica/replica.ts';
import type { HandedOver } from '../../gateways/claude-mem/handed-over.ts';
import { keepBridged, type KeepBridgedDeps } from './keep-bridged.ts';
import { isLocalHistoryServed, type LocalWorkerDeps } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { readHandedOver } from './read-handed-over.ts';
import { createPassedOverWriter } from './write-passed-over.ts';

export interface BridgePersonalDeps extends Omit<KeepBridgedDeps, 'replica' | 'maySay' | 'writePassedOver' | 'handedOver'> {
  readonly worker: LocalWorkerDeps;
}

/**
 * {@link keepBridged}, once what this machine's own worker had before is served, and with what that worker passes over. Loaded by a node that
 * listens: commands need none of it.
 */
export function bridgePersonal({ worker, ...deps }: BridgePersonalDeps, replica: Replica, signal: AbortSignal): Promise<void> {
  const writePassedOver = createPassedOverWriter({ ...worker, log: deps.log }, PERSONAL_USER);
  const handedOver = (): Promise<HandedOver | null> => readHandedOver(worker, replica.space, PERSONAL_USER);
  const maySay = (): Promise<boolean> => isLocalHistoryServed(worker, PERSONAL_USER);
  return keepBridged({ ...deps, replica, writePassedOver, handedOver, maySay }, signal);
}
