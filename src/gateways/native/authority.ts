import type { MachineId, SpaceId } from '../../core/ids.ts';

export type Role = 'reader' | 'writer' | 'owner';

/**
 * Who may do what on this hub. It is asked at every request and at every push of the live stream, so an answer must be
 * right at that moment (a machine that was removed loses access at once) and cheap: one look-up.
 */
export interface HubAuthority {
  /** `null` for a machine that the space does not list, and for a space that is not here: they look alike outside. */
  roleOf(space: SpaceId, machine: MachineId): Promise<Role | null>;
  /** The encoded record that removed a machine that the space does not list any more; `null` where it removed none. */
  removalOf(space: SpaceId, machine: MachineId): Promise<Uint8Array | null>;
  /** Whether the machine may bring a new space here. */
  mayCreate(machine: MachineId): Promise<boolean>;
  /** Whether so many bytes more may be stored; asked before they are. */
  hasRoom(space: SpaceId, machine: MachineId, bytes: number): Promise<boolean>;
}
