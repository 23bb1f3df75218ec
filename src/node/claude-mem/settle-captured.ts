import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memItem } from '../../gateways/claude-mem/rows-of-space.ts';
import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import { readStandingRows } from '../../sources/claude-mem/own-rows.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { adoptFromHub, type HubPlace } from './adopt-at-connect.ts';
import type { ItemAt } from './adopt-served.ts';

/** Names of rows of the personal space that this machine said something of until `end`. */
export function watchCaptured({ spaces }: SatchelNode): { readonly names: ReadonlySet<string>; readonly end: () => void } {
  const names = new Set<string>();
  const replica = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL)?.replica;
  // What others said has a place in the log already.
  const end = replica?.onChange((items) => {
    for (const item of items) if (item.kind === claudeMemKind.id && replica.isDrafted(item)) names.add(item.name);
  });
  return { names, end: end ?? (() => undefined) };
}

/** When that gateway is asked again, in milliseconds after the time before. */
const ASKED_AFTER = [250, 500, 1_000, 2_000, 3_000];

/**
 * Until another node's gateway serves what was just captured of rows that its workers know, a few seconds at most: then they are marked as what
 * is served. Its worker would take in, when it starts, what stood here, in place of what was written since. Where nobody serves it so soon, it
 * does. At once where nothing was captured of such rows; else each time O(feed), over the network.
 */
export async function settleCaptured(
  node: SatchelNode,
  { captured, itemAt, to }: { readonly captured: ReadonlySet<string>; readonly itemAt: ItemAt; readonly to: HubPlace },
): Promise<void> {
  const { claudeMemWorker: worker, deps } = node;
  const replica = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL)?.replica;
  if (captured.size === 0 || replica === undefined) return;
  const before = revisionsOf(worker.claudeMemHome, captured, itemAt);
  for (const after of before.size === 0 ? [] : ASKED_AFTER) {
    await sleep(after);
    if ([...captured].some((name) => replica.isDrafted(memItem(name)))) continue;
    const adopted = await adoptFromHub(worker.claudeMemHome, to, deps.clock.now(), itemAt);
    const now = revisionsOf(worker.claudeMemHome, captured, itemAt);
    if (!adopted.ok || [...before].every(([row, revision]) => now.get(row) !== revision)) return;
  }
}

/** Of those that are another device's, by kind and number. */
function revisionsOf(claudeMemHome: string, captured: ReadonlySet<string>, itemAt: ItemAt): ReadonlyMap<string, string> {
  const revisions = new Map<string, string>();
  try {
    for (const page of readStandingRows(path.join(claudeMemHome, 'claude-mem.db')))
      for (const { kind, local, origin, revision } of page)
        if (origin !== null && captured.has(itemAt(kind, local) ?? '')) revisions.set(`${kind} ${local}`, revision);
  } catch (error) {
    // Busy, or damaged since: then nothing is waited for.
    if (!(error instanceof Error && error.name === 'SqliteError')) throw error;
    return new Map();
  }
  return revisions;
}
