import { z } from 'zod';
import { keyWords } from '../../core/joining/words.ts';
import type { MachineId } from '../../core/ids.ts';
import { controlHistory } from '../../core/log/control-history.ts';
import type { Role } from '../../core/log/control.ts';
import { isOwner } from '../../core/log/membership.ts';
import { decodeRecord } from '../../core/log/record.ts';
import { changeRole, renameMember, revoke } from '../../core/replica/administer.ts';
import { ambiguousMachine, findMachine, machinesMeant } from '../find-machine.ts';
import { findSpace } from '../find-space.ts';
import { ACCOUNTS, type HubAccount } from '../log-authority.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { followOwnName } from '../own-name.ts';
import { recordTime, timeBefore } from '../record-times.ts';
import { machineNameField, spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { machineNames } from '../machine-names.ts';
import { presentMachines } from '../present-machines.ts';

export interface MachineLine {
  readonly space: string;
  readonly id: string;
  readonly name: string;
  /** Eight words for its key, to compare with what it shows itself. */
  readonly words: string;
  readonly role: Role;
  /** This machine. */
  readonly here: boolean;
  /** Where it was listed. */
  readonly since_position: number;
  readonly since: string | null;
  /** Its newest record among the last 10,000; `null` where there is none. */
  readonly last_position: number | null;
  readonly last_seen: string | null;
}

export interface MachinesResult {
  readonly machines: readonly MachineLine[];
  /** On a hub: machines that may keep spaces here. */
  readonly accounts: readonly { readonly id: string; readonly since: string }[];
}

const LOOK_BACK = 10_000;
const PAGE = 500;

export const machinesOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional() }),
  async run(node, { space }): Promise<MachinesResult> {
    const chosen = space === undefined ? [...node.spaces.values()] : [findSpace(node, space)];
    const machines: MachineLine[] = [];
    for (const open of chosen) machines.push(...(await linesOf(node, open)));
    const accounts = await node.store.read((tx) => tx.documents.list<HubAccount>(ACCOUNTS));
    return { machines, accounts: accounts.map(({ id, value }) => ({ id, since: new Date(value.addedAt).toISOString() })) };
  },
});

async function linesOf(node: SatchelNode, open: OpenSpace): Promise<MachineLine[]> {
  if ((await open.replica.head()) === null) return [];
  const names = await machineNames(node, open);
  const since = await listedAt(node, open);
  const members = [...open.replica.membership.members.values()];
  const last = await lastRecords(node, open, new Set(members.map((m) => m.machine)));
  return Promise.all(
    members.map(async ({ machine, role }) => {
      const [from, newest] = [since.get(machine) ?? 0, last.get(machine) ?? null];
      return {
        space: open.entry.name,
        id: machine,
        name: names.get(machine) ?? machine.slice(0, 8),
        words: keyWords(machine),
        role,
        here: machine === node.deps.machine.key.machine,
        since_position: from,
        since: (await recordTime(node, open, from)) ?? (await timeBefore(node, open, from)),
        last_position: newest,
        last_seen: newest === null ? null : ((await recordTime(node, open, newest)) ?? (await timeBefore(node, open, newest))),
      };
    }),
  );
}

async function listedAt(node: SatchelNode, { entry }: OpenSpace): Promise<Map<MachineId, number>> {
  const at = new Map<MachineId, number>();
  for (const { before, after, record } of controlHistory(await node.store.read((tx) => tx.logs.controls(entry.space, 0)))) {
    for (const machine of after.members.keys()) if (before?.members.has(machine) !== true) at.set(machine, record.header.position);
  }
  return at;
}

/** From the newest record backwards, until all were seen. O(records looked at). */
async function lastRecords(
  node: SatchelNode,
  { entry, replica }: OpenSpace,
  wanted: ReadonlySet<MachineId>,
): Promise<Map<MachineId, number>> {
  const found = new Map<MachineId, number>();
  const lowest = Math.max(0, replica.position - LOOK_BACK);
  for (let to = replica.position; to >= lowest && found.size < wanted.size; to -= PAGE) {
    const from = Math.max(lowest, to - PAGE + 1);
    for (let at = from; at <= to;) {
      const page = await node.store.read((tx) => tx.logs.read(entry.space, at, { records: to - at + 1, bytes: 8 * 1024 * 1024 }));
      if (page.length === 0) break;
      for (const stored of page) {
        const record = decodeRecord(stored.bytes);
        if (!record.ok || !wanted.has(record.value.header.signer)) continue;
        found.set(record.value.header.signer, Math.max(stored.position, found.get(record.value.header.signer) ?? 0));
      }
      at = (page.at(-1)?.position ?? to) + 1;
    }
  }
  return found;
}

export interface RevokeResult {
  readonly machine: string;
  readonly id: string;
  readonly revoked: readonly { readonly space: string; readonly epoch: number }[];
  /** Spaces that list it and that this machine does not own. */
  readonly not_owned: readonly string[];
  /** Places where whoever has the storage's credentials still gets in: they must be replaced too. */
  readonly shared_storage: readonly string[];
}

export const revokeMachineOperation = defineOperation({
  input: z.strictObject({ machine: z.string().min(1).max(128), space: spaceField.optional() }),
  async run(node, { machine, space }): Promise<RevokeResult> {
    const account = await revokeAccount(node, machine);
    if (account !== null) return { machine: account.slice(0, 8), id: account, revoked: [], not_owned: [], shared_storage: [] };
    const found = await allMeant(node, machine, space);
    if (found[0].id === node.deps.machine.key.machine)
      throw new OperationFailure(
        'refused',
        'itself',
        'a machine does not revoke itself',
        'Run: satchel leave; or revoke it from another one',
      );
    const revoked: { space: string; epoch: number }[] = [];
    const shared = new Set<string>();
    const notOwned: string[] = [];
    for (const { open, id } of found) {
      if (!isOwner(open.replica.membership, node.deps.machine.key.machine)) {
        notOwned.push(open.entry.name);
        continue;
      }
      await revoke(open.replica, await open.runner.connected(), [id]);
      open.runner.kick();
      revoked.push({ space: open.entry.name, epoch: open.replica.keyId });
      // Whoever was handed its credentials, or its path, needs no hub's leave.
      if (open.entry.remote?.address.startsWith('http') === false) shared.add(open.entry.remote.address);
    }
    if (revoked.length === 0)
      throw new OperationFailure(
        'refused',
        'not-owner',
        `only an owner may revoke a machine of ${notOwned.join(', ')}`,
        'Ask an owner: satchel machines',
      );
    const first = found[0] as Found;
    return { machine: first.name, id: first.id, revoked, not_owned: notOwned, shared_storage: [...shared] };
  },
});

async function revokeAccount(node: SatchelNode, text: string): Promise<string | null> {
  if (!node.config.hub) return null;
  const accounts = await node.store.read((tx) => tx.documents.list<HubAccount>(ACCOUNTS));
  const found = accounts.filter(({ id }) => text.length >= 6 && id.startsWith(text.toLowerCase()));
  if (found.length !== 1) throw noMachine(text);
  const id = (found[0] as { id: string }).id;
  await node.store.write((tx) => tx.documents.remove(ACCOUNTS, id));
  return id;
}

interface Found {
  readonly open: OpenSpace;
  readonly id: MachineId;
  readonly name: string;
}

/** One machine, wherever it is listed. To revoke a wrong one is no small thing: whatever fits counts, in all spaces. */
async function allMeant(node: SatchelNode, text: string, space: string | undefined): Promise<[Found, ...Found[]]> {
  const chosen = space === undefined ? [...node.spaces.values()] : [findSpace(node, space)];
  const meant = [];
  for (const open of chosen) for (const one of await machinesMeant(node, open, text)) meant.push({ open, ...one });
  const [first, ...rest] = meant.map(({ open, member, name }) => ({ open, id: member.machine, name }));
  if (first === undefined) throw noMachine(text);
  if (rest.some(({ id }) => id !== first.id)) throw ambiguousMachine(node, text, meant);
  return [first, ...rest];
}

async function everywhere(node: SatchelNode, text: string, space: string | undefined): Promise<[Found, ...Found[]]> {
  const chosen = space === undefined ? [...node.spaces.values()] : [findSpace(node, space)];
  const found: Found[] = [];
  for (const open of chosen) {
    const one = await findMachine(node, open, text);
    if (one !== null) found.push({ open, id: one.member.machine, name: one.name });
  }
  const [first, ...rest] = found;
  if (first === undefined) throw noMachine(text);
  // Two machines of one name in different spaces are two machines.
  const other = rest.find(({ id }) => id !== first.id);
  if (other !== undefined)
    throw new OperationFailure(
      'usage',
      'ambiguous-machine',
      `${text} is one machine in ${first.open.entry.name} and another in ${other.open.entry.name}`,
      'Name it by the beginning of its id: satchel machines',
    );
  return [first, ...rest];
}

function noMachine(text: string): OperationFailure {
  return new OperationFailure('usage', 'no-machine', `there is no machine ${JSON.stringify(text)}`, 'Run: satchel machines');
}

export const machineRoleOperation = defineOperation({
  input: z.strictObject({ machine: z.string().min(1).max(128), role: z.enum(['reader', 'writer', 'owner']), space: spaceField.optional() }),
  async run(
    node,
    { machine, role, space },
  ): Promise<{ readonly machine: string; readonly space: string; readonly role: Role; readonly changed: boolean }> {
    const open = findSpace(node, space);
    const found = await findMachine(node, open, machine);
    if (found === null) throw noMachine(machine);
    const { membership } = open.replica;
    const owners = [...membership.members.values()].filter((m) => m.role === 'owner');
    if (role !== 'owner' && found.member.role === 'owner' && owners.length === 1)
      throw new OperationFailure(
        'refused',
        'last-owner',
        `${found.name} is the last owner of ${open.entry.name}`,
        'Make another machine an owner first',
      );
    const record = await changeRole(open.replica, await open.runner.connected(), found.member.machine, role);
    return { machine: found.name, space: open.entry.name, role, changed: record !== null };
  },
});

/** What is meant by a name, as the one that is to be revoked, must be one machine. */
async function refuseTaken(node: SatchelNode, open: OpenSpace, name: string, self: MachineId): Promise<void> {
  const names = await machineNames(node, open);
  const other = (await presentMachines(node, open)).find((id) => id !== self && names.get(id)?.toLowerCase() === name.toLowerCase());
  if (other === undefined) return;
  throw new OperationFailure(
    'usage',
    'name-taken',
    `another machine of ${open.entry.name} is called ${JSON.stringify(name)} already: ${other.slice(0, 12)}`,
    'Choose another name, or call that one otherwise first: satchel machines',
  );
}

export const renameMachineOperation = defineOperation({
  input: z.strictObject({ machine: z.string().min(1).max(128), name: machineNameField }),
  async run(
    node,
    { machine, name },
  ): Promise<{
    readonly before: string;
    readonly name: string;
    readonly spaces: readonly string[];
    readonly not_owned: readonly string[];
  }> {
    const found = await everywhere(node, machine, undefined);
    const self = node.deps.machine.key.machine;
    const [spaces, notOwned]: [string[], string[]] = [[], []];
    for (const { open, id } of found) await refuseTaken(node, open, name, id);
    for (const { open, id } of found) {
      if (!isOwner(open.replica.membership, self)) notOwned.push(open.entry.name);
      else {
        await renameMember(open.replica, await open.runner.connected(), id, name);
        spaces.push(open.entry.name);
      }
    }
    if (spaces.length === 0)
      throw new OperationFailure(
        'refused',
        'not-owner',
        `only an owner of ${notOwned.join(', ')} may rename a machine`,
        'Ask an owner: satchel machines',
      );
    if (found[0].id === self) await followOwnName(node);
    return { before: found[0].name, name, spaces, not_owned: notOwned };
  },
});
