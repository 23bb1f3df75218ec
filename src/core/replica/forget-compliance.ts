import type { MachineId } from '../ids.ts';
import { decodeControl } from '../log/control.ts';
import { decodeRecord } from '../log/record.ts';
import { openText } from './sealed-text.ts';
import type { Replica } from './replica.ts';

/** One erase record, and who has shown that they read it. */
export interface Erasure {
  readonly position: number;
  readonly signer: MachineId;
  /** As its author sealed it for the members; `null` where it does not open. */
  readonly reason: string | null;
  /**
   * Members who signed nothing behind the record. A machine obeys what it read before it sends, so one that signed
   * something has obeyed, if it runs this program; of the others nothing is known.
   */
  readonly unheard: readonly MachineId[];
}

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };

/** Every erase record of the space, newest first. O(records since the first of them). */
export async function listErasures(replica: Replica): Promise<Erasure[]> {
  const { space, deps, membership, keys } = replica;
  const found: Omit<Erasure, 'unheard'>[] = [];
  const { controls, voids } = await deps.store.read(async (tx) => ({
    controls: await tx.logs.controls(space, 0),
    voids: new Set((await tx.documents.list(`voids/${space}`)).map((document) => Number(document.id))),
  }));
  for (const row of controls) {
    const record = decodeRecord(row.bytes);
    const payload = record.ok ? decodeControl(record.value.body) : null;
    if (!record.ok || payload?.ok !== true || payload.value.op !== 'erase' || voids.has(row.position)) continue;
    const reason = await openText(payload.value.sealedReason, space, keys, deps.compression);
    found.push({ position: row.position, signer: record.value.header.signer, reason });
  }
  const first = found[0];
  if (first === undefined) return [];
  const newest = new Map<MachineId, number>();
  for (let from = first.position; ;) {
    const rows = await deps.store.read((tx) => tx.logs.read(space, from, PAGE));
    if (rows.length === 0) break;
    for (const row of rows) {
      const record = decodeRecord(row.bytes);
      if (record.ok) newest.set(record.value.header.signer, row.position);
      from = row.position + 1;
    }
  }
  const others = [...membership.members.keys()].filter((machine) => machine !== replica.machine);
  return found
    .map((erasure) => ({
      ...erasure,
      unheard: others.filter((machine) => machine !== erasure.signer && (newest.get(machine) ?? -1) <= erasure.position),
    }))
    .toReversed();
}
