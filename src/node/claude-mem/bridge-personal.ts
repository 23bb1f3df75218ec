import type { Replica } from '../../core/replica/replica.ts';
import { keepBridged, type KeepBridgedDeps } from './keep-bridged.ts';
import type { LastAbsences } from './last-absences.ts';
import { isLocalHistoryServed, type LocalWorkerDeps } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { createHandedOver } from './handed-over.ts';
import { createPassedOverWriter } from './write-passed-over.ts';

export interface BridgePersonalDeps extends Omit<KeepBridgedDeps, 'replica' | 'maySay' | 'writePassedOver' | 'handedOver'> {
  readonly worker: LocalWorkerDeps;
  readonly lastAbsences: LastAbsences;
}

/**
 * {@link keepBridged}, once what this machine's own worker had before is served, and with what that worker passes over. Loaded by a node that
 * listens: commands need none of it.
 */
export async function bridgePersonal(
  { worker, lastAbsences, ...deps }: BridgePersonalDeps,
  replica: Replica,
  signal: AbortSignal,
): Promise<void> {
  await lastAbsences.note();
  const writePassedOver = createPassedOverWriter({ ...worker, log: deps.log }, PERSONAL_USER);
  const handedOver = createHandedOver(worker, replica.space, PERSONAL_USER);
  const maySay = (): Promise<boolean> => isLocalHistoryServed({ ...worker, clock: deps.clock }, PERSONAL_USER, lastAbsences.take);
  return keepBridged({ ...deps, replica, writePassedOver, handedOver, maySay }, signal);
}
