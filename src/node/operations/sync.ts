import { mayAppend } from '../../core/log/membership.ts';
import { lackingBodiesOf } from '../lacking-bodies.ts';
import { countPending } from '../pending/count-pending.ts';
import { heldRemedy } from '../held-remedy.ts';
import type { OpenSpace } from '../node.ts';
import { noInput } from './no-input.ts';
import { defineOperation } from './operation.ts';
import { syncSpace } from './sync-space.ts';

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
      const before = runner.broughtAgain;
      const report = await syncSpace(node, open, (done, total) => progress(done, total, 'commits'));
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
