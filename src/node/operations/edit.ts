import { z } from 'zod';
import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { approveOwn, noteWaiting } from '../pending/approve-own.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { readBody, versionAt, versionBefore, type VersionAt } from './versions.ts';

export interface RestoreResult {
  readonly item: string;
  /** `null` where that version is in no record, which only the present one can be. */
  readonly revision: string | null;
  /** What it held there was nothing: the item is deleted again. */
  readonly deleted: boolean;
  /** False where the item already holds it. */
  readonly changed: boolean;
  /** The revision that brings back what was in place before; `null` where that is in no record yet, or nothing was changed. */
  readonly replaced: string | null;
}

/**
 * Makes an old revision the current one again: a new change, so that nothing is lost by it. An item alone means its
 * newest earlier version that held something: of a deleted item the last one, of another the one before the present.
 */
export const restoreOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional(), item: z.string().max(2048).optional(), revision: revisionField.optional() }),
  async run(node, input): Promise<RestoreResult> {
    const open = findSpace(node, input.space);
    const present = await versionAt(node, open, input.item, input.revision);
    const entry = input.revision === undefined && present.isRevision !== true ? await lastThatHeld(node, open, present) : present;
    if (entry.content !== null) await readBody(open, entry.content); // said now, not when it is applied
    const current = (await open.replica.visible([entry.item])).get(itemKey(entry.item));
    const replaced = current === undefined || open.replica.isDrafted(entry.item) ? null : current.revision;
    const own = await noteWaiting(node);
    const changed = await write(
      open,
      entry.item,
      entry.content,
      entry.revision === null ? 'Restore' : `Restore ${entry.revision.slice(0, 8)}`,
      'restore',
    );
    await approveOwn(node, own, entry.item);
    return {
      item: entry.item.name,
      revision: entry.revision,
      deleted: entry.content === null,
      changed,
      replaced: changed ? replaced : null,
    };
  },
});

async function lastThatHeld(node: SatchelNode, open: OpenSpace, present: VersionAt): Promise<VersionAt> {
  let version = await versionBefore(node, open, present);
  while (version !== null && version.content === null) version = await versionBefore(node, open, version);
  if (version === null)
    throw new OperationFailure('usage', 'no-earlier', `there is no earlier version of ${present.item.name}`, 'Run: satchel log');
  return version;
}

/** One item set to a content, as a draft. False where it holds it already. */
async function write(open: OpenSpace, item: Item, content: Content | null, message: string, writer: string): Promise<boolean> {
  const made = await open.replica.exclusive(async () => {
    await open.replica.settle();
    const current = (await open.replica.visible([item])).get(itemKey(item))?.content ?? null;
    return open.replica.draft([{ item, base: current, ours: content, history: [] }], { message, writer }, open.replica.newCommitId());
  });
  await settle(open);
  return made.changes > 0;
}

/** Puts the change in place here at once, so that what the command says is so. It is sent when the node runs. */
export async function settle(open: OpenSpace): Promise<void> {
  for (const { source } of [...open.sources, ...open.rows]) await source.apply();
}
