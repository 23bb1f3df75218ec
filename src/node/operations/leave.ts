import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isTemporary } from '../../core/ports/files.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { appendControl, NotAllowed } from '../../core/replica/administer.ts';
import { isOwner } from '../../core/log/membership.ts';
import { sealText } from '../../core/replica/sealed-text.ts';
import { createNodeFiles } from '../../sources/files/node-files.ts';
import { readConnection, undoConnection } from '../claude-mem/connection.ts';
import type { Result } from '../../core/result.ts';
import { noteRole } from '../node-role.ts';
import { isEmptyLog } from '../empty-space.ts';
import type { NodeHome } from '../home.ts';
import { noteLeft } from '../left-spaces.ts';
import { loneLogs, type LoneLog } from '../lone-logs.ts';
import { readMnemeConnection, undoMnemeConnection } from '../mneme/connection.ts';
import { ownNameIn } from '../own-name.ts';
import { presentMachines } from '../present-machines.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import type { Undone } from '../settings-note.ts';
import { revocationOf } from '../revocation.ts';
import { readRecoverySecret } from '../recovery-file.ts';
import { LEFT } from '../unique-name.ts';
import { mayEnter, treeDefinitions } from '../tree-sources.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

/** What leaving would lose, by space. */
export interface LeavePlan {
  /** This machine, as the others know it. */
  readonly machine: { readonly id: string; readonly name: string };
  readonly spaces: readonly {
    readonly space: string;
    readonly name: string;
    /** Commits that no remote has. */
    readonly unsent: number;
    readonly unsent_items: readonly string[];
    /** Its log is ordered at this node and holds something, and no other machine is a member, or all others left. */
    readonly only_here: boolean;
    /** The home is here while others are members: they cannot sync any more. */
    readonly others_depend: boolean;
    readonly recovery_unshown: boolean;
    /** Where its log stays, if elsewhere. */
    readonly remote: string | null;
    /** No other machine is a member: what stays there opens with the recovery key alone once this machine's keys are gone. */
    readonly last: boolean;
    readonly revoked: boolean;
  }[];
  /** What the store holds beside them. */
  readonly keeps: readonly LoneLog[];
}

const ITEMS_NAMED = 20;

/** Sends what can be sent, then says what would be lost. */
export const leavePlanOperation = defineOperation({
  input: noInput,
  async run(node): Promise<LeavePlan> {
    const spaces = [];
    for (const open of node.spaces.values()) spaces.push(await planFor(node, open));
    const { key, name } = node.deps.machine;
    return { machine: { id: key.machine, name }, spaces, keeps: await loneLogs(node) };
  },
});

async function planFor(node: SatchelNode, open: OpenSpace): Promise<LeavePlan['spaces'][number]> {
  const { entry, replica, runner, sources, rows } = open;
  try {
    for (const { source } of [...sources, ...rows]) await source.scan();
    await runner.syncNow();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error; // unreachable: what is unsent is counted below
  }
  const names = new Set(replica.drafts.flatMap((draft) => draft.changes.map((change) => change.item.name)));
  const started = (await replica.head()) !== null;
  const last = started && (await isLast(node, open));
  const empty = entry.remote === null && started && (await isEmptyLog(node, entry.space));
  return {
    space: entry.space,
    name: entry.name,
    unsent: replica.drafts.length,
    unsent_items: [...names].slice(0, ITEMS_NAMED),
    only_here: entry.remote === null && last && !empty,
    others_depend: entry.remote === null && started && !last,
    recovery_unshown: !empty && (await readRecoverySecret(node.home, entry.space)) !== null,
    remote: entry.remote?.address ?? null,
    last: entry.remote !== null && last,
    revoked: (await revocationOf(node, open)) !== null,
  };
}

export interface LeaveResult {
  readonly left: readonly { readonly name: string; readonly told: boolean; readonly why_not: string | null }[];
  /** Unfinished writes of ours that were removed from captured folders. */
  readonly temporary_files: number;
  /** claude-mem's settings, where they were as `claude-mem connect` had written them; `why_not`: what kept them so. */
  readonly claude_mem: Disconnected | null;
  /** mneme's, likewise. */
  readonly mneme: Disconnected | null;
}

export interface Disconnected {
  readonly file: string;
  readonly why_not: string | null;
  /** Settings that somebody changed since, which stay. */
  readonly left: readonly string[];
  /** Where they are kept as they were before, if they are not all back. */
  readonly kept: string | null;
}

/**
 * Stops taking part. Captured files stay as they are, and so does the store: what was here can be looked at and joined
 * again. An owner tells the others by making itself a reader called "NAME (left)"; the keys it has read with are worth
 * nothing new only once another owner revokes it, which a machine cannot do to itself.
 */
export const leaveOperation = defineOperation({
  input: z.strictObject({ discard: z.boolean().default(false) }),
  async run(node, { discard }): Promise<LeaveResult> {
    const unsent = [...node.spaces.values()].filter(({ replica }) => replica.drafts.length > 0).map(({ entry }) => entry.name);
    if (unsent.length > 0 && !discard)
      throw new OperationFailure(
        'refused',
        'unsent',
        `changes in ${unsent.join(', ')} were sent nowhere yet`,
        'Run: satchel sync; or give them up: satchel leave --discard',
      );
    const left = [];
    for (const open of [...node.spaces.values()]) {
      const whyNot = await tellOthers(node, open);
      await noteLeft(node.store, { space: open.entry.space, name: open.entry.name, at: node.deps.clock.now() });
      await node.dropSpace(open.entry.space);
      left.push({ name: open.entry.name, told: whyNot === null, why_not: whyNot });
    }
    if (!node.config.hub) await noteRole(node, null);
    await node.recall.discard();
    return {
      left,
      temporary_files: await removeTemporaryFiles(node),
      claude_mem: await disconnected(node, readConnection, undoConnection),
      mneme: await disconnected(node, readMnemeConnection, undoMnemeConnection),
    };
  },
});

/** Whether all others left before. */
async function isLast(node: SatchelNode, open: OpenSpace): Promise<boolean> {
  const self = node.deps.machine.key.machine;
  return (await presentMachines(node, open)).every((machine) => machine === self);
}

/** They revoked it, and know. */
export const REVOKED = 'it was revoked';

/** `null` once the others can see it. */
async function tellOthers(node: SatchelNode, open: OpenSpace): Promise<string | null> {
  const { replica, runner } = open;
  const self = node.deps.machine.key.machine;
  if ((await revocationOf(node, open)) !== null) return REVOKED;
  if ((await replica.head()) === null || !replica.membership.members.has(self)) return 'it is no member';
  if (await isLast(node, open)) return 'there is no other machine';
  if (!isOwner(replica.membership, self)) return 'only an owner can change the list of machines';
  try {
    await appendControl(replica, await runner.connected(), async () => {
      const { membership, space, keyId, keys, deps } = replica;
      const known = membership.members.get(self);
      const owners = [...membership.members.values()].filter((member) => member.role === 'owner');
      if (known === undefined) return null;
      if (known.role === 'owner' && owners.length === 1) throw new NotAllowed('it is the last owner: make another machine an owner first');
      const name = (await ownNameIn(node, open)) ?? node.deps.machine.name;
      const sealedName = await sealText(name.endsWith(LEFT) ? name : `${name}${LEFT}`, space, keyId, keys, deps);
      return { op: 'member', member: { ...known, role: 'reader', sealedName }, envelope: new Uint8Array(0) };
    });
    return null;
  } catch (error) {
    if (error instanceof RemoteError || error instanceof NotAllowed) return error.message;
    throw error;
  }
}

async function disconnected(
  { home }: SatchelNode,
  read: (home: NodeHome) => Promise<{ readonly file: string } | null>,
  undo: (home: NodeHome) => Promise<Result<Undone | null, string>>,
): Promise<Disconnected | null> {
  const connection = await read(home);
  if (connection === null) return null;
  const undone = await undo(home);
  if (!undone.ok) return { file: connection.file, why_not: undone.error, left: [], kept: null };
  return { file: connection.file, why_not: null, left: undone.value?.left ?? [], kept: undone.value?.kept ?? null };
}

async function removeTemporaryFiles(node: SatchelNode): Promise<number> {
  let removed = 0;
  for (const definition of treeDefinitions(node.config)) {
    const files = createNodeFiles({ root: definition.root, random: node.deps.random });
    const scan = files.scan({ enters: (folder) => mayEnter(definition, folder) });
    for (const [name, stat] of scan.entries) {
      if (stat.type !== 'file' || !isTemporary(name)) continue;
      await rm(path.join(definition.root, name), { force: true });
      removed += 1;
    }
  }
  return removed;
}
