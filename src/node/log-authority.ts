import type { HubAuthority } from '../gateways/native/authority.ts';
import type { MachineId, SpaceId } from '../core/ids.ts';
import { decodeControl, type Role } from '../core/log/control.ts';
import { rememberedOf } from '../core/replica/remembered.ts';
import { applyControl, linkVoidControl, startMembership, type Membership } from '../core/log/membership.ts';
import { decodeRecord, hasValidSignature } from '../core/log/record.ts';
import type { Store } from '../core/ports/store.ts';
import type { Heard } from './kept-spaces.ts';

/** An account that may keep spaces at this hub: made by accepting a hub invitation. */
export interface HubAccount {
  readonly machine: MachineId;
  readonly addedAt: number;
}

export const ACCOUNTS = 'accounts';

/**
 * Who may do what, read from the control records of the logs themselves: a hub needs no keys for it. Memberships are
 * kept and only new control records are folded in. Cost: one look-up of the newest control records after each write.
 */
export function createLogAuthority(store: Store, self: MachineId, heard?: Heard): HubAuthority {
  const known = new Map<SpaceId, Membership>();

  const membershipOf = rememberedOf(store, foldNew, 'logs');

  async function foldNew(space: SpaceId): Promise<Membership | null> {
    const before = known.get(space) ?? null;
    const from = before === null ? 0 : before.lastControlPosition + 1;
    const { head, records } = await store.read(async (tx) => ({
      head: await tx.logs.head(space),
      records: await tx.logs.controls(space, from),
    }));
    // A log that was taken out or fell back is read anew.
    if (before !== null && (head === null || head.position < before.lastControlPosition)) {
      known.delete(space);
      return head === null ? null : foldNew(space);
    }
    const membership = records.reduce<Membership | null>((current, stored) => fold(current, stored.bytes), before);
    if (membership !== null) known.set(space, membership);
    return membership;
  }

  return {
    async roleOf(space, machine) {
      const membership = await membershipOf(space);
      if (membership === null) return null;
      const role: Role | null = membership.recovery.signer === machine ? 'owner' : (membership.members.get(machine)?.role ?? null);
      if (role !== null) heard?.note(space, machine);
      return role;
    },
    async removalOf(space, machine) {
      const membership = await membershipOf(space);
      if (membership === null || !membership.removed.has(machine) || membership.members.has(machine)) return null;
      const controls = await store.read((tx) => tx.logs.controls(space, 0));
      return controls.findLast(({ bytes }) => removes(bytes, machine))?.bytes ?? null;
    },
    async mayCreate(machine) {
      if (machine === self) return true;
      return (await store.read((tx) => tx.documents.get<HubAccount>(ACCOUNTS, machine))) !== undefined;
    },
    hasRoom: () => Promise.resolve(true),
  };
}

function removes(bytes: Uint8Array, machine: MachineId): boolean {
  const record = decodeRecord(bytes);
  const payload = record.ok && hasValidSignature(record.value) ? decodeControl(record.value.body) : null;
  return payload?.ok === true && payload.value.op === 'epoch' && payload.value.removed.includes(machine);
}

function fold(membership: Membership | null, bytes: Uint8Array): Membership | null {
  const record = decodeRecord(bytes);
  if (!record.ok) return membership;
  const payload = decodeControl(record.value.body);
  const valid = payload.ok && hasValidSignature(record.value);
  if (membership === null) {
    const started = valid ? startMembership(record.value, payload.value) : null;
    return started?.ok === true ? started.value : null;
  }
  const applied = valid ? applyControl(membership, record.value, payload.value) : null;
  return applied?.ok === true ? applied.value : linkVoidControl(membership, record.value);
}
