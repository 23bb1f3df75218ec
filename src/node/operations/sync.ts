import { mayAppend } from '../../core/log/membership.ts';
import { PlaceLost, RemoteError } from '../../core/ports/remote.ts';
import { lackingBodiesOf } from '../lacking-bodies.ts';
import { countPending } from '../pending/count-pending.ts';
import { heldRemedy } from '../held-remedy.ts';
import { lacksKey, missingKeyFailure } from '../missing-key.ts';
import { syncRemedy } from '../sync-remedy.ts';
import { describeDivergence } from '../sync-problem.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { revocationOf } from '../revocation.ts';
import { remoteFailure } from './remote-failure.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface SyncResult {
  readonly spaces: readonly {
    readonly name: string;
    readonly pulled: number;
    readonly pushed: number;
    readonly conflicts: number;
    /** What waits for an answer: satchel pending. */
    readonly pending: number;
    /** Changes made here that are kept and not sent, since this machine is a reader. */
    readonly held_back: number;
    /** Folders and databases of which nothing was carried now, and what helps. */
    readonly not_carried: readonly { readonly path: string; readonly reason: string; readonly remedy: string }[];
    /** Where its log is ordered; `null`: here. */
    readonly remote: string | null;
    /** Items that are not put in place, since the remote does not have their bodies. */
    readonly lacking: number;
    /** Encrypted bodies that the remote had lost and this machine brought again. */
    readonly brought_again: number;
  }[];
}

/** Captures, syncs and applies once, now. */
export const syncOperation = defineOperation({
  input: noInput,
  async run(node, _input, { progress }): Promise<SyncResult> {
    const spaces = [];
    for (const open of node.spaces.values()) {
      const { entry, replica, runner, sources, rows } = open;
      if (lacksKey(open)) await syncWithoutKey(node, open);
      const capture = async (): Promise<void> => {
        for (const each of [...sources, ...rows]) await each.begin();
        for (const { source } of [...sources, ...rows]) await source.catchUp();
      };
      const before = runner.broughtAgain;
      const at = { name: entry.name, remote: entry.remote?.address ?? null };
      const report = await runner
        .syncAround(capture, (done, total) => progress(done, total, 'commits'))
        .catch((error: unknown) => {
          throw error instanceof PlaceLost ? remoteFailure(error, syncRemedy('place-lost', error.message, at)) : error;
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
      spaces.push({
        name: entry.name,
        pulled: report.pulled,
        pushed: report.pushed,
        conflicts: (await replica.siblings()).length,
        pending: await countPending(node, { sources, rows, replica }),
        held_back: mayAppend(replica.membership, replica.machine) ? 0 : replica.draftCount,
        not_carried: notCarried(open),
        remote: entry.remote?.address ?? null,
        lacking: lackingBodiesOf(open),
        brought_again: runner.broughtAgain - before,
      });
    }
    return { spaces };
  },
});

/** As `status` says it. */
function notCarried({ sources, rows }: OpenSpace): SyncResult['spaces'][number]['not_carried'] {
  const all = [
    ...sources.map(({ definition, source, health }) => ({ path: definition.shownAs ?? definition.root, source, health })),
    ...rows.map(({ definition, source, health }) => ({ path: definition.file, source, health })),
  ];
  return all.flatMap(({ path, source, health }) => {
    const state = source.state();
    const reason = health.problem ?? ('message' in state ? state.message : null);
    return reason === null ? [] : [{ path, reason, remedy: heldRemedy(health.problem === null ? state.type : 'failed') }];
  });
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
