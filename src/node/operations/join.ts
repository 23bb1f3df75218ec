import { z } from 'zod';
import { HOUSEKEEPING_KINDS } from '../../kinds/claude-home/housekeeping.ts';
import { headWords } from '../../core/joining/words.ts';
import { join } from '../join.ts';
import { refuseOtherRole } from '../node-role.ts';
import { isOwner } from '../../core/log/membership.ts';
import { renameMember } from '../../core/replica/administer.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import type { LeftBehind } from '../step-aside.ts';
import { callItself, followOwnName, ownNameIn } from '../own-name.ts';
import { takenNames, uniqueName } from '../unique-name.ts';
import { moveToRemote } from '../move-space.ts';
import { answerPending, setTrustOwn } from '../pending/answer-pending.ts';
import { lackingBodiesOf } from '../lacking-bodies.ts';
import { countPending } from '../pending/count-pending.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { machineNameField } from './fields.ts';
import { machineNames } from '../machine-names.ts';

export interface JoinResult {
  readonly joined: 'space' | 'hub';
  readonly space: string;
  /** What this machine is called there: as it asked, unless another one was called so. */
  readonly name: string;
  readonly asked_name: string;
  readonly inviter: string;
  readonly role: string;
  readonly remote: string;
  readonly items: number;
  readonly words: string;
  /** Of the items, how many are not put in place, since the remote does not have their bodies. */
  readonly lacking: number;
  /** Databases of which nothing was carried, and why. */
  readonly not_carried: readonly { readonly path: string; readonly problem: string }[];
  /** The space that this machine shared with others, and that its folders left for this one. */
  readonly left_behind: LeftBehind | null;
  /** Folders with a copy of what was changed of this machine's own files, where that was allowed with `approve_first`. */
  readonly copies: readonly string[];
  /** Of those files, how many versions are kept beside what took their place, for somebody to settle. */
  readonly conflicts: number;
  /** What waits for an answer on this machine: satchel pending. */
  readonly pending: number;
  /** Folders in which nothing was put in place yet: files of this machine's own would change, and that waits for its answer. */
  readonly not_applied: readonly string[];
  /** The command that goes on from here; `null` where nothing waits. */
  readonly next: string | null;
}

export const joinOperation = defineOperation({
  input: z.strictObject({
    link: z.string().max(8192).nullable().default(null),
    address: z.string().max(2048).nullable().default(null),
    words: z.string().max(512).nullable().default(null),
    name: machineNameField.optional(),
    /** Goes over from a space that this machine shares with others. */
    switch: z.boolean().default(false),
    /** What one's own machines write is put in place unasked. */
    trust_own: z.boolean().default(false),
    /** Writes over this machine's files without asking first; a copy of them is made. */
    approve_first: z.boolean().default(false),
  }),
  async run(node, input, { say, signal, progress }): Promise<JoinResult> {
    if (node.config.hub) throw new OperationFailure('refused', 'is-hub', 'this node is a hub: machines join it, it joins nobody');
    await refuseOtherRole(node);
    const joined = await join(node, { ...input, switches: input.switch }, say, signal, (done, total) => progress(done, total, 'commits'));
    const asked = joined.askedName;
    // Not before: a link that is refused changes nothing.
    if (joined.type === 'hub' && asked !== node.deps.machine.name) await callItself(node, asked);
    const open = joined.type === 'space' ? joined.space : await node.ensurePersonalSpace();
    if (joined.type === 'hub') await beCalled(node, open, asked);
    await followOwnName(node);
    const name = (await ownNameIn(node, open)) ?? asked;
    if (joined.type === 'hub') await moveToRemote(node, open.entry.space, joined.remote);
    if (input.trust_own) await setTrustOwn(node, true);
    const { copies, names } = input.approve_first ? await approveFirst(node) : { copies: [], names: new Set<string>() };
    const now = node.spaces.get(open.entry.space) ?? open;
    const head = await now.replica.head();
    const pending = (await Promise.all([...node.spaces.values()].map((each) => countPending(node, each)))).reduce(
      (sum, count) => sum + count,
      0,
    );
    const counts = await node.store.read((tx) => tx.items.count(open.entry.space, HOUSEKEEPING_KINDS));
    return {
      joined: joined.type,
      space: open.entry.space,
      name,
      asked_name: asked,
      inviter: joined.type === 'space' ? joined.inviter : joined.hub,
      role: joined.type === 'space' ? joined.role : 'owner',
      remote: now.entry.remote?.address ?? '',
      items: counts.items,
      lacking: lackingBodiesOf(now),
      words: head === null ? '' : headWords(head.hash),
      left_behind: joined.type === 'space' ? joined.behind : null,
      copies,
      not_carried: now.rows.flatMap(({ definition, health }) =>
        health.problem === null ? [] : [{ path: definition.file, problem: health.problem }],
      ),
      conflicts: (await now.replica.siblings()).filter(({ item }) => names.has(item.name)).length,
      pending,
      not_applied: await foldersNotApplied(now),
      next: pending > 0 ? 'satchel pending' : null,
    };
  },
});

/** Where the copies of own files lie, and the names of the items that were put in place. */
async function approveFirst(node: SatchelNode): Promise<{ readonly copies: readonly string[]; readonly names: ReadonlySet<string> }> {
  const copies: string[] = [];
  const answered = await answerPending(node, 'approve', { type: 'first-apply' }, undefined, (folder) => copies.push(folder));
  return { copies, names: new Set(answered.flatMap(({ items }) => items.map(({ item }) => item))) };
}

async function foldersNotApplied({ sources }: OpenSpace): Promise<string[]> {
  const folders: string[] = [];
  for (const { definition, firstApply } of sources)
    if ((await firstApply.state()) === 'waiting') folders.push(definition.shownAs ?? definition.root);
  return folders;
}

/** The space that goes to a hub may have been there before, and its other machines know this one by the name that it has there. */
async function beCalled(node: SatchelNode, open: OpenSpace, asked: string): Promise<void> {
  const self = node.deps.machine.key.machine;
  const known = await ownNameIn(node, open);
  if (known === null || known === asked || !isOwner(open.replica.membership, self)) return;
  const others = [...(await machineNames(node, open))].flatMap(([machine, name]) => (machine === self ? [] : [name]));
  await renameMember(open.replica, await open.runner.connected(), self, uniqueName(asked, takenNames(others)));
}
