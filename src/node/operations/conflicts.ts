import { z } from 'zod';
import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Sibling } from '../../core/ports/store.ts';
import { findItem } from '../find-item.ts';
import { findSpace } from '../find-space.ts';
import { lackingIn, lacksNothing, type Lacking } from '../lacking.ts';
import { machineNames } from '../machine-names.ts';
import type { OpenSpace } from '../node.ts';
import { ownRow } from '../own-row.ts';
import { rowConflict } from '../row-conflict.ts';
import { approveOwn, noteWaiting } from '../pending/approve-own.ts';
import { createRecordAuthors } from '../record-author.ts';
import { bodyHere, textOf } from './body-here.ts';
import { settle } from './edit.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';

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
    /** What is in place and would go if it were taken; `null`: nothing, or one of the two is no text or not here. */
    readonly lacks: Lacking | null;
    /** Of a memory of claude-mem's; else `null`. */
    readonly title: string | null;
    /** Of a row: the columns that both sides changed, which are all that is taken of it; `null`: it is taken whole. */
    readonly columns: readonly string[] | null;
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
          const row = await rowConflict(node, open, s, state?.content ?? null);
          return {
            item: s.item.name,
            kind: s.item.kind,
            sibling: s.sibling,
            size: s.content?.size ?? null,
            position: s.position === Number.MAX_SAFE_INTEGER ? null : s.position,
            ...(await authors(s.position)),
            current: { size: state?.content?.size ?? null, ...current },
            lacks: row?.taken == null ? await lackingOf(open, s.item, state?.content ?? null, s.content) : null,
            title: row?.title ?? null,
            columns: row?.columns ?? null,
          };
        }),
      ),
    };
  },
});

export interface ResolveResult {
  readonly item: string;
  /** How many conflicts; with `plan` those that would be. */
  readonly settled: number;
  /** Versions of the item that are still kept beside it. */
  readonly left: number;
  readonly took: 'current' | 'sibling' | 'body';
  /** What was in place and is not in what was taken; `null`: nothing, or one of the two is no text or not here. */
  readonly lost: Lacking | null;
  /** Of a row: the columns that were taken, while all others stayed; `null`: what was taken is whole. */
  readonly columns: readonly string[] | null;
  /** The revision that brings back what was in place; `null` where that stayed, was nothing, or is in no record yet. */
  readonly replaced: string | null;
  /** False with `plan`. */
  readonly done: boolean;
}

/**
 * Settles open conflicts of one item: keeps what is in place, takes the sibling, or takes a body given. What is not
 * taken stays in the history. Of a row the columns are taken that both sides had changed, where these can be told. With a sibling named exactly that one is settled; where there are several, either one is
 * named, or `all` are settled.
 */
export const resolveOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    item: z.string().max(2048),
    take: z.enum(['current', 'sibling', 'body']),
    sibling: revisionField.optional(),
    all: z.boolean().default(false),
    /** Base64, with `take: body`. */
    body: z
      .string()
      .max(48 * 1024 * 1024)
      .optional(),
    /** Say what would go, and change nothing. */
    plan: z.boolean().default(false),
  }),
  async run(node, input): Promise<ResolveResult> {
    const open = findSpace(node, input.space);
    const { item, content: current, revision } = await findItem(node, open, input.item);
    const siblings = await open.replica.siblings(item);
    const chosen = choose(item, siblings, input);
    const left = siblings.length - chosen.length;
    const row = input.take === 'sibling' ? await rowConflict(node, open, chosen[0] as Sibling, current) : null;
    const given = row?.taken ?? (input.take === 'body' ? await ownRow(open, item, current, Buffer.from(input.body ?? '', 'base64')) : null);
    const lost =
      input.take === 'current' || row?.taken != null
        ? null
        : given === null
          ? await lackingOf(open, item, current, (chosen[0] as Sibling).content)
          : await lackingIfText(open, item, current, given);
    const isLogged = input.take !== 'current' && current !== null && !open.replica.isDrafted(item);
    const result = {
      item: item.name,
      settled: chosen.length,
      left,
      took: input.take,
      lost,
      columns: row?.columns ?? null,
      replaced: isLogged ? revision : null,
    };
    if (input.plan) return { ...result, done: false };
    const own = await noteWaiting(node);
    await open.replica.exclusive(async () => {
      await open.replica.settle();
      const commit = open.replica.newCommitId();
      const resolve = { type: 'resolve' as const, item, base: null, needs: [], siblings: chosen.map((s) => s.sibling) };
      const ours = given === null ? (chosen[0] as Sibling).content : await stored(open, given, current, commit);
      const wishes = input.take === 'current' ? [] : [{ item, base: current, ours, history: [] }];
      await open.replica.draft(wishes, { message: `Resolve ${item.name}`, writer: 'resolve' }, commit, undefined, {
        keeps: [],
        resolves: [resolve],
      });
    });
    await settle(open);
    if (input.take !== 'current') await approveOwn(node, own, item);
    return { ...result, done: true };
  },
});

/** Those that are settled. Throws OperationFailure where that is not clear. */
function choose(
  item: Item,
  siblings: readonly Sibling[],
  { take, sibling, all }: { readonly take: ResolveResult['took']; readonly sibling?: string | undefined; readonly all: boolean },
): readonly Sibling[] {
  if (siblings.length === 0)
    throw new OperationFailure('usage', 'no-conflict', `${item.name} has no open conflict`, 'Run: satchel conflicts');
  if (sibling !== undefined && all)
    throw new OperationFailure('usage', 'usage', 'give either a sibling or all, not both', 'Run: satchel conflicts');
  const chosen = sibling === undefined ? siblings : siblings.filter((s) => s.sibling.startsWith(sibling));
  if (chosen.length === 0)
    throw new OperationFailure('usage', 'no-sibling', 'no open conflict kept such a version', 'Run: satchel conflicts');
  if (chosen.length > 1 && (take === 'sibling' || !all)) {
    const named = chosen.map((s) => s.sibling.slice(0, 8)).join(', ');
    const ways = take === 'sibling' ? 'say which one to take, by --sibling ID' : 'say which one to settle, by --sibling ID, or --all';
    throw new OperationFailure(
      'usage',
      'which-sibling',
      `${item.name} has ${chosen.length} other versions (${named}): ${ways}`,
      'What they are: satchel conflicts',
    );
  }
  return chosen;
}

async function stored(
  open: OpenSpace,
  body: Uint8Array,
  current: Content | null,
  commit: ReturnType<OpenSpace['replica']['newCommitId']>,
): Promise<Content> {
  const attributes = current?.attributes ?? {};
  const [pieces] = await open.replica.bodies.store([body], commit, open.replica.keyId);
  return { digest: open.replica.bodies.digestOf(body, attributes), size: body.length, attributes, pieces: pieces ?? [] };
}

/** Larger bodies are not read only to say what differs. */
const COMPARED = 1024 * 1024;

/** What an item would lack if it held `after` instead of `before`. */
async function lackingOf(open: OpenSpace, item: Item, before: Content | null, after: Content | null): Promise<Lacking | null> {
  if (after === null || after.size > COMPARED) return null;
  const text = await textHere(open, item, after);
  return text === null ? null : lackingIfText(open, item, before, Buffer.from(text));
}

async function lackingIfText(open: OpenSpace, item: Item, before: Content | null, after: Uint8Array): Promise<Lacking | null> {
  if (before === null || Math.max(before.size, after.length) > COMPARED) return null;
  const [held, taken] = [await textHere(open, item, before), textOf(after)];
  if (held === null || taken === null) return null;
  const lacking = lackingIn(taken, held);
  return lacksNothing(lacking) ? null : lacking;
}

/** `null` where it is no text, or cannot be had now. */
async function textHere(open: OpenSpace, item: Item, content: Content): Promise<string | null> {
  try {
    const found = await bodyHere(open, { item, content, revision: null, base: null, position: 0 }, false);
    return found === null ? null : textOf(found.body);
  } catch (error) {
    if (error instanceof OperationFailure) return null;
    throw error;
  }
}
