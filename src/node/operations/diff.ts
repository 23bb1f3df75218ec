import { z } from 'zod';
import { equalBytes } from '../../core/crypto/hash.ts';
import { findSpace } from '../find-space.ts';
import { machineNames } from '../machine-names.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRecordAuthors, type RecordAuthor } from '../record-author.ts';
import { bodyHere, textOf } from './body-here.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation } from './operation.ts';
import { versionAt, versionBefore, type VersionAt } from './versions.ts';

export interface DiffResult {
  readonly item: string;
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  /** Both bodies; `null` where one is no text or does not exist. The command line compares them. */
  readonly before: string | null;
  readonly after: string | null;
  readonly binary: boolean;
  /** Who wrote each side, and when; `null` where there is none. */
  readonly from_by: RecordAuthor | null;
  readonly to_by: RecordAuthor | null;
  /** `to` is a version that an open conflict kept. */
  readonly conflict: boolean;
  /** JSON pointers to secrets in either, which stay where they were written: the bodies are without them. */
  readonly left_out: readonly string[];
  /** The two versions differ, and the bodies do not: in what is left out, or in how the space spells a path. */
  readonly differs_raw: boolean;
}

/**
 * The bodies of two revisions, as this machine would have them: by default of the newest and the one before it. A version that an open conflict kept is
 * compared with what is in place, since between these two one chooses.
 */
export const diffOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    item: z.string().max(2048),
    from: revisionField.optional(),
    to: revisionField.optional(),
    /** As the space holds them, for all machines. */
    raw: z.boolean().default(false),
  }),
  async run(node, input): Promise<DiffResult> {
    const open = findSpace(node, input.space);
    const to = await versionAt(node, open, input.item, input.to);
    const conflict = to.revision !== null && (await open.replica.siblings(to.item)).some(({ sibling }) => sibling === to.revision);
    const from = await fromOf(node, open, input, to, conflict);
    const before = from === null ? null : await bodyHere(open, from, input.raw);
    const after = await bodyHere(open, to, input.raw);
    const texts = [before, after].map((side) => (side === null ? null : textOf(side.body)));
    const binary = [before, after].some((side, index) => side !== null && texts[index] === null);
    const isEqual = before !== null && after !== null && equalBytes(before.body, after.body);
    const authors = createRecordAuthors(node, open, await machineNames(node, open));
    return {
      item: to.item.name,
      kind: to.item.kind,
      from: from?.revision ?? null,
      to: to.revision,
      before: texts[0] ?? null,
      after: texts[1] ?? null,
      binary,
      from_by: from === null ? null : await authors(from.position),
      to_by: await authors(to.position),
      conflict,
      left_out: [...new Set([...(before?.leftOut ?? []), ...(after?.leftOut ?? [])])],
      differs_raw: isEqual && from?.content?.digest !== to.content?.digest,
    };
  },
});

async function fromOf(
  node: SatchelNode,
  open: OpenSpace,
  { item, from }: { readonly item: string; readonly from?: string | undefined },
  to: VersionAt,
  conflict: boolean,
): Promise<VersionAt | null> {
  if (from !== undefined) return versionAt(node, open, item, from);
  return conflict ? versionAt(node, open, item, undefined) : versionBefore(node, open, to);
}
