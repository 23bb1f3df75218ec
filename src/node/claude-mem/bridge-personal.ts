import type { Replica } from '../../core/replica/replica.ts';
import type { ClaudeMemGateway } from '../../gateways/claude-mem/gateway.ts';
import { keepBridged, type KeepBridgedDeps } from './keep-bridged.ts';
import type { LastLook } from './last-look.ts';
import { isLocalHistoryServed, localWorker, settingsFile, type LocalWorkerDeps } from './local-worker.ts';
import { connectionFile } from './connection.ts';
import { rememberedOfFiles } from '../remembered-of-files.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { createHandedOver } from './handed-over.ts';
import { createPassedOverWriter } from './write-passed-over.ts';

export interface BridgePersonalDeps extends Omit<
  KeepBridgedDeps,
  'replica' | 'maySay' | 'onMaySay' | 'writePassedOver' | 'handedOver' | 'tellServed'
> {
  readonly worker: LocalWorkerDeps;
  readonly lastLook: LastLook;
  readonly gateway: Pick<ClaudeMemGateway, 'tellServed' | 'holdPulls'>;
}

/** A worker's pull is answered by then, ms: it would try again, and be told so late as well. */
const LOOKED_WITHIN = 10_000;
const LOOK_AGAIN = 30;

/**
 * {@link keepBridged}, once what this machine's own worker had before is served, and with what that worker passes over. A worker that was connected anew is
 * told nothing before its database was looked at: what went from that would stand there again. Loaded by a node that
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
  const holding = new AbortController();
  const ownWorker = rememberedOfFiles([connectionFile(worker.home), settingsFile(worker)], () => localWorker(worker));
  const untilLooked = async (device: string): Promise<void> => {
    const own = await ownWorker();
    if (own === null || own.user !== PERSONAL_USER || own.device !== device) return;
    const until = deps.clock.now() + LOOKED_WITHIN;
    while (!(await lastLook.isTaken(own.connection)) && !holding.signal.aborted && deps.clock.now() < until)
      await deps.clock.sleep(LOOK_AGAIN, holding.signal);
  };
  const endHold = gateway.holdPulls(PERSONAL_USER, untilLooked);
  const kept = keepBridged({ ...deps, replica, writePassedOver, handedOver, maySay, onMaySay: worker.clients.onShown, tellServed }, signal);
  return kept.finally(() => {
    endHold();
    holding.abort();
  });
}
