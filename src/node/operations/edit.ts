import { z } from 'zod';
import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Sibling } from '../../core/ports/store.ts';
import { findItem } from '../find-item.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { approveOwn, noteWaiting } from '../pending/approve-own.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { createRecordAuthors } from '../record-author.ts';
import { readBody, versionAt, versionBefore, type VersionAt } from './versions.ts';
import { machineNames } from '../machine-names.ts';

export interface RestoreResult {
  readonly item: string;
  /** `null` where that version is in no record, which only the present one can be. */
  readonly revision: string | null;
  /** What it held there was nothing: the item is deleted again. */
  readonly deleted: boolean;
  /** False where the item already holds it. */
  readonly changed: boolean;
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
    const own = await noteWaiting(node);
    const changed = await write(
      open,
      entry.item,
      entry.content,
      entry.revision === null ? 'Restore' : `Restore ${entry.revision.slice(0, 8)}`,
      'restore',
    );
    await approveOwn(node, own, entry.item);
    return { item: entry.item.name, revision: entry.revision, deleted: entry.content === null, changed };
  },
});

async function lastThatHeld(node: SatchelNode, open: OpenSpace, present: VersionAt): Promise<VersionAt> {
  let version = await versionBefore(node, open, present);
  while (version !== null && version.content === null) version = await versionBefore(node, open, version);
  if (version === null)
    throw new OperationFailure('usage', 'no-earlier', `there is no earlier version of ${present.item.name}`, 'Run: satchel log');
  return version;
}

export interface ConflictsResult {
  readonly conflicts: readonly {
    readonly item: string;
    readonly kind: string;
    readonly sibling: string;
    readonly size: number | null;
    readonly position: number | null;
    /** Who wrote it, and when. */
    readonly machine: string;
    readonly time: string | null;
    /** What is in place; its size is `null` where that is nothing. */
    readonly current: { readonly size: number | null; readonly machine: string; readonly time: string | null };
  }[];
}

export const conflictsOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional() }),
  async run(node, input): Promise<ConflictsResult> {
    const open = findSpace(node, input.space);
    const siblings = await open.replica.siblings();
    const authors = createRecordAuthors(node, open, await machineNames(node, open));
    const states = await open.replica.visible(siblings.map(({ item }) => item));
    return {
      conflicts: await Promise.all(
        siblings.map(async (s) => {
          const state = states.get(itemKey(s.item));
          const current = state === undefined ? { machine: '?', time: null } : await authors(state.position);
          return {
            item: s.item.name,
            kind: s.item.kind,
            sibling: s.sibling,
            size: s.content?.size ?? null,
            position: s.position === Number.MAX_SAFE_INTEGER ? null : s.position,
            ...(await authors(s.position)),
            current: { size: state?.content?.size ?? null, ...current },
          };
        }),
      ),
    };
  },
});

export interface ResolveResult {
  readonly item: string;
  readonly settled: number;
  readonly took: 'current' | 'sibling' | 'body';
}

/**
 * Settles the open conflicts of one item: keeps what is in place, takes the sibling, or takes a body given. What is
 * not taken stays in the history.
 */
export const resolveOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    item: z.string().max(2048),
    take: z.enum(['current', 'sibling', 'body']),
    sibling: revisionField.optional(),
    /** Base64, with `take: body`. */
    body: z
      .string()
      .max(48 * 1024 * 1024)
      .optional(),
  }),
  async run(node, input): Promise<ResolveResult> {
    const open = findSpace(node, input.space);
    const { item, content: current } = await findItem(node, open, input.item);
    const siblings = await open.replica.siblings(item);
    if (siblings.length === 0)
      throw new OperationFailure('usage', 'no-conflict', `${item.name} has no open conflict`, 'Run: satchel conflicts');
    const own = await noteWaiting(node);
    await open.replica.exclusive(async () => {
      await open.replica.settle();
      const commit = open.replica.newCommitId();
      const ours = await wanted(open, input, siblings, current, commit);
      const resolve = { type: 'resolve' as const, item, base: null, needs: [], siblings: siblings.map((s) => s.sibling) };
      const wishes = ours === LEAVE ? [] : [{ item, base: current, ours, history: [] }];
      await open.replica.draft(wishes, { message: `Resolve ${item.name}`, writer: 'resolve' }, commit, undefined, {
        keeps: [],
        resolves: [resolve],
      });
    });
    await settle(open);
    if (input.take !== 'current') await approveOwn(node, own, item);
    return { item: item.name, settled: siblings.length, took: input.take };
  },
});

const LEAVE = Symbol('leave');

/** What the item is to hold: `null` deletes it. */
async function wanted(
  open: OpenSpace,
  input: { readonly take: 'current' | 'sibling' | 'body'; readonly sibling?: string | undefined; readonly body?: string | undefined },
  siblings: readonly Sibling[],
  current: Content | null,
  commit: ReturnType<OpenSpace['replica']['newCommitId']>,
): Promise<Content | null | typeof LEAVE> {
  if (input.take === 'current') return LEAVE;
  if (input.take === 'sibling') {
    const chosen = input.sibling === undefined ? siblings : siblings.filter((s) => s.sibling.startsWith(input.sibling as string));
    if (chosen.length > 1)
      throw new OperationFailure(
        'usage',
        'which-sibling',
        `there are ${siblings.length} other versions: say which, by --sibling ID`,
        'Run: satchel conflicts',
      );
    if (chosen[0] === undefined)
      throw new OperationFailure('usage', 'no-sibling', 'no open conflict kept such a version', 'Run: satchel conflicts');
    return chosen[0].content;
  }
  const body = Buffer.from(input.body ?? '', 'base64');
  const attributes = current?.attributes ?? {};
  const [pieces] = await open.replica.bodies.store([body], commit, open.replica.keyId);
  return { digest: open.replica.bodies.digestOf(body, attributes), size: body.length, attributes, pieces: pieces ?? [] };
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
async function settle(open: OpenSpace): Promise<void> {
  for (const { source } of [...open.sources, ...open.rows]) await source.apply();
}
