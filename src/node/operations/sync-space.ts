import { PlaceDamaged, PlaceLost, RemoteError } from '../../core/ports/remote.ts';
import type { SyncReport } from '../../core/replica/transfer.ts';
import { lacksKey, missingKeyFailure } from '../missing-key.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { revocationOf } from '../revocation.ts';
import { describeDivergence, problemTypeOf } from '../sync-problem.ts';
import { syncRemedy } from '../sync-remedy.ts';
import { OperationFailure } from './operation.ts';
import { remoteFailure } from './remote-failure.ts';

/**
 * Captures what its sources carry, sends, fetches and applies once, whether the node is live or not. Throws OperationFailure where this machine was
 * revoked (`revoked`), lacks the key, or parted from the home; else what the remote says, as a RemoteError.
 */
export async function syncSpace(
  node: SatchelNode,
  open: OpenSpace,
  onProgress: (done: number, total: number) => void,
): Promise<SyncReport> {
  const { entry, runner, sources, rows } = open;
  if (lacksKey(open)) await syncWithoutKey(node, open);
  const capture = async (): Promise<void> => {
    for (const each of [...sources, ...rows]) await each.begin();
    for (const { source } of [...sources, ...rows]) await source.catchUp();
  };
  const at = { name: entry.name, remote: entry.remote?.address ?? null };
  const report = await runner.syncAround(capture, onProgress).catch((error: unknown) => {
    throw error instanceof PlaceLost || error instanceof PlaceDamaged
      ? remoteFailure(error, syncRemedy(problemTypeOf(error), error.message, at))
      : error;
  });
  const revoked = await revocationOf(node, open);
  if (revoked !== null)
    throw new OperationFailure(
      'refused',
      'revoked',
      `this machine was revoked by ${revoked.by}: it gets and sends nothing any more`,
      'What that means and what to do: satchel status',
    );
  if (report.divergence !== null)
    throw new OperationFailure(
      'refused',
      report.divergence.type,
      describeDivergence(report.divergence),
      syncRemedy(runner.state.problemType ?? report.divergence.type, runner.state.problem, at),
    );
  return report;
}

/** The key may come with what is read. Throws where it does not, and this machine was not revoked, which is said otherwise. */
async function syncWithoutKey(node: SatchelNode, open: OpenSpace): Promise<void> {
  const isRefused = (error: unknown): boolean => error instanceof RemoteError && error.type !== 'unreachable';
  await open.runner.syncNow().catch((error: unknown) => {
    if (!isRefused(error)) throw error;
  });
  const failure = (await revocationOf(node, open)) === null ? await missingKeyFailure(node, open) : null;
  if (failure !== null) throw failure;
}
