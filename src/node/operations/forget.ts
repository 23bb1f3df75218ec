import { z } from 'zod';
import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { forget, planForget, type ForgetPlan, type ForgetTarget } from '../../core/replica/forget.ts';
import { listErasures } from '../../core/replica/forget-compliance.ts';
import { shellWord } from '../../config/private-file.ts';
import { findItem, findRevision } from '../find-item.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { revisionField, spaceField } from './fields.ts';
import { printable } from '../printable.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { machineNames } from '../machine-names.ts';

export interface ForgetResult {
  readonly items: readonly string[];
  /** Bodies of the history that are erased, or would be. */
  readonly bodies: number;
  /** False for a plan, and where nothing was left to erase. */
  readonly erased: boolean;
  /** The record that says so. */
  readonly position: number | null;
  /** Machines that are not known to have obeyed yet. */
  readonly unheard: readonly string[];
}

export const forgetOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    items: z.array(z.string().max(2048)).min(1).max(1_000),
    /** Only the body of this revision, which must not be the current one. */
    revision: revisionField.optional(),
    /** Says what would be erased. */
    plan: z.boolean().default(false),
  }),
  async run(node, input, { say }): Promise<ForgetResult> {
    const open = findSpace(node, input.space);
    const items = await Promise.all(input.items.map((text) => namedItem(node, open, text)));
    const digest = input.revision === undefined ? undefined : await digestOf(node, open, items, input.revision);
    const target: ForgetTarget = {
      items,
      ...(digest === undefined ? {} : { digest }),
      reason: `forget ${items.map((i) => i.name).join(', ')}`,
    };
    const plan = await planForget(open.replica, target);
    refuseShared(items, plan);
    if (digest !== undefined && plan.current.length > 0)
      throw new OperationFailure(
        'refused',
        'current',
        'that revision is what the item holds now',
        'Forget the whole item, or change it first',
      );
    const names = items.map((item) => item.name);
    if (input.plan) return { items: names, bodies: plan.bodies, erased: false, position: null, unheard: [] };

    const remote = await open.runner.connected();
    await open.runner.syncNow(); // what cannot reach the remote must change nothing
    if (digest === undefined) await deleteItems(open, items);
    const record = await forget(open.replica, remote, target);
    await node.recall.discard();
    if (record === null) say('Nothing was left to erase.');
    const position = record?.header.position ?? null;
    const [erasure] = position === null ? [] : (await listErasures(open.replica)).filter((e) => e.position === position);
    const machines = await machineNames(node, open);
    const unheard = (erasure?.unheard ?? []).map((machine) => machines.get(machine) ?? machine.slice(0, 8));
    return { items: names, bodies: plan.bodies, erased: record !== null, position, unheard };
  },
});

/** Of a revision says how one is forgotten: whole items by mistake are not to be brought back. */
async function namedItem(node: SatchelNode, open: OpenSpace, text: string): Promise<Item> {
  try {
    return (await findItem(node, open, text)).item;
  } catch (error) {
    if (!(error instanceof OperationFailure) || error.type !== 'no-item' || !/^[0-9a-f]{4,64}$/.test(text)) throw error;
    const found = await findRevision(node, open, text).catch(() => null);
    if (found === null) throw error;
    const name = shellWord(printable(found.item.name));
    throw new OperationFailure(
      'usage',
      'no-item',
      `${text} is a revision of ${found.item.name}, and no item`,
      `To erase that version alone: satchel forget ${name} --revision ${text}`,
    );
  }
}

export interface ErasuresResult {
  readonly erasures: readonly {
    readonly position: number;
    readonly by: string;
    readonly what: string | null;
    readonly unheard: readonly string[];
  }[];
}

/** What was erased, by whom, and which machines are not known to have obeyed. */
export const erasuresOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional() }),
  async run(node, input): Promise<ErasuresResult> {
    const open = findSpace(node, input.space);
    const names = await machineNames(node, open);
    const name = (machine: string): string => names.get(machine) ?? machine.slice(0, 8);
    const erasures = await listErasures(open.replica);
    return { erasures: erasures.map((e) => ({ position: e.position, by: name(e.signer), what: e.reason, unheard: e.unheard.map(name) })) };
  },
});

async function digestOf(node: SatchelNode, open: OpenSpace, items: readonly Item[], revision: string): Promise<Content['digest']> {
  const [item] = items;
  const entry = await findRevision(node, open, revision);
  if (item === undefined || items.length > 1 || itemKey(entry.item) !== itemKey(item))
    throw new OperationFailure('usage', 'other-item', `revision ${revision} is of ${entry.item.name}`);
  if (entry.content === null) throw new OperationFailure('usage', 'no-body', `revision ${revision} is a deletion: it has no body`);
  return entry.content.digest;
}

function refuseShared(items: readonly Item[], { sharedWith }: ForgetPlan): void {
  if (sharedWith.length === 0) return;
  const others = sharedWith.map((item) => item.name);
  throw new OperationFailure(
    'refused',
    'shared',
    `the very same bytes are in ${others.slice(0, 5).join(', ')}${others.length > 5 ? ` and ${others.length - 5} more` : ''}: nothing was erased`,
    `Forget them together: satchel forget ${[...items.map((i) => i.name), ...others].map((name) => JSON.stringify(name)).join(' ')}`,
  );
}

/** The items go in the log first, so that nothing current points to what is erased. */
async function deleteItems(open: OpenSpace, items: readonly Item[]): Promise<void> {
  const { replica, runner } = open;
  await replica.exclusive(async () => {
    await replica.settle();
    const states = await replica.visible(items);
    const wishes = items.flatMap((item) => {
      const base = states.get(itemKey(item))?.content ?? null;
      return base === null ? [] : [{ item, base, ours: null, history: [] }];
    });
    const siblings = (await replica.siblings()).filter((s) => items.some((item) => itemKey(item) === itemKey(s.item)));
    const resolves = items.flatMap((item) => {
      const own = siblings.filter((s) => itemKey(s.item) === itemKey(item)).map((s) => s.sibling);
      return own.length === 0 ? [] : [{ type: 'resolve' as const, item, base: null, needs: [], siblings: own }];
    });
    if (wishes.length + resolves.length === 0) return;
    await replica.draft(wishes, { message: 'Forget', writer: 'forget' }, replica.newCommitId(), undefined, { keeps: [], resolves });
  });
  await runner.syncNow();
}
