import type { Replica } from '../../core/replica/replica.ts';
import type { ClaudeMemGateway } from '../../gateways/claude-mem/gateway.ts';
import { keepBridged, type KeepBridgedDeps } from './keep-bridged.ts';
import type { LastLook } from './last-look.ts';
import { isLocalHistoryServed, type LocalWorkerDeps } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { createHandedOver } from './handed-over.ts';
import { createPassedOverWriter } from './write-passed-over.ts';

export interface BridgePersonalDeps extends Omit<
  KeepBridgedDeps,
  'replica' | 'maySay' | 'onMaySay' | 'writePassedOver' | 'handedOver' | 'tellServed'
> {
  readonly worker: LocalWorkerDeps;
  readonly lastLook: LastLook;
  readonly gateway: Pick<ClaudeMemGateway, 'tellServed'>;
}

/**
 * {@link keepBridged}, once what this machine's own worker had before is served, and with what that worker passes over. Loaded by a node that
 * listens: commands need none of it.
 */
export async function bridgePersonal(
  { worker, lastLook, gateway, ...deps }: BridgePersonalDeps,
  replica: Replica,
  signal: AbortSignal,
): Promise<void> {
  await lastLook.note();
  const writePassedOver = createPassedOverWriter({ ...worker, log: deps.log }, PERSONAL_USER);
  const handedOver = createHandedOver(worker, replica.space, PERSONAL_USER);
  const maySay = (): Promise<boolean> => isLocalHistoryServed({ ...worker, clock: deps.clock, handedOver }, PERSONAL_USER, lastLook);
  const tellServed: KeepBridgedDeps['tellServed'] = (look) => gateway.tellServed(PERSONAL_USER, look);
  return keepBridged({ ...deps, replica, writePassedOver, handedOver, maySay, onMaySay: worker.clients.onShown, tellServed }, signal);
}
