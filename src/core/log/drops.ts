import type { ObjectId, SpaceId } from '../ids.ts';
import { decodeControl, type ControlPayload } from './control.ts';
import { applyControl, linkVoidControl, startMembership, type Membership } from './membership.ts';
import { decodeRecord, hasValidSignature } from './record.ts';
import type { Result } from '../result.ts';

/** A prune or erase record that counts. */
export interface DropRecord {
  readonly position: number;
  readonly payload: Extract<ControlPayload, { op: 'prune' | 'erase' }>;
}

/**
 * The prune and erase records among a log's control records that an owner signed, ascending. Needs no keys, so that
 * remotes can tell which deletions the log asks for. `controls` are all of them, encoded, from the genesis on.
 * Cost: O(control records), a signature check each.
 */
export function dropsOf(controls: readonly Uint8Array[], space: SpaceId): DropRecord[] {
  let membership: Membership | null = null;
  const drops: DropRecord[] = [];
  for (const bytes of controls) {
    const decoded = decodeRecord(bytes);
    if (!decoded.ok) continue;
    const record = decoded.value;
    const payload = hasValidSignature(record) ? decodeControl(record.body) : null;
    if (membership === null) {
      const started = payload?.ok === true ? startMembership(record, payload.value) : null;
      if (started?.ok !== true || started.value.space !== space) return [];
      membership = started.value;
      continue;
    }
    if (payload?.ok !== true) {
      membership = linkVoidControl(membership, record);
      continue;
    }
    const { value } = payload;
    const applied: Result<Membership, string> = applyControl(membership, record, value);
    membership = applied.ok ? applied.value : linkVoidControl(membership, record);
    if (!applied.ok) continue;
    if (value.op === 'prune' || value.op === 'erase') drops.push({ position: record.header.position, payload: value });
  }
  return drops;
}

/** What a drop record takes away: of an erase, the bundles that were replaced too. */
export function droppedBy({ payload }: DropRecord): ObjectId[] {
  return payload.op === 'prune' ? [...payload.objects] : [...payload.objects, ...payload.replaced.map((pair) => pair.from)];
}
