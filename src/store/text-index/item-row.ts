import type { MachineId } from '../../core/ids.ts';
import type { HeldItem } from '../../core/ports/text-index.ts';

/** An item as both databases give it. */
export interface ItemRow {
  readonly kind: string;
  readonly name: string;
  readonly digest: string | null;
  readonly bytes: number;
  readonly prefix: string;
  readonly passages: number;
  readonly machine: string | null;
  readonly changed: number | null;
  /** 0 or 1. */
  readonly unsettled: number;
}

export function toHeld({ kind, name, digest, bytes, prefix, passages, machine, changed, unsettled }: ItemRow): HeldItem {
  return {
    item: { kind, name },
    digest,
    bytes,
    prefix,
    passages,
    machine: machine as MachineId | null,
    changed,
    isUnsettled: unsettled === 1,
  };
}
