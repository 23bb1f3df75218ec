import type { StoredRecord } from '../ports/store.ts';
import { decodeControl, type ControlPayload } from './control.ts';
import { applyControl, linkVoidControl, startMembership, type Membership } from './membership.ts';
import { decodeRecord, hasValidSignature, type LogRecord } from './record.ts';

/** A control record as it took effect, or why it did not. */
export interface ControlEvent {
  readonly record: LogRecord;
  /** `null` where it does not parse. */
  readonly payload: ControlPayload | null;
  readonly reason: string | null;
  /** As of just before it; `null` before the genesis. */
  readonly before: Membership | null;
  readonly after: Membership;
}

/**
 * Control records of one space, from its genesis, in order → what each did. Throws where the first is no valid
 * genesis or a record cannot be decoded: the store is damaged. O(records): a signature check each.
 */
export function controlHistory(controls: readonly StoredRecord[]): ControlEvent[] {
  const events: ControlEvent[] = [];
  let before: Membership | null = null;
  for (const { bytes, position } of controls) {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(`record ${position} in the store is damaged (${record.error}); run: satchel store verify`);
    const event = follow(before, record.value);
    events.push(event);
    before = event.after;
  }
  return events;
}

/** Who may do what behind the last of these control records; `null` where there are none. */
export function membershipAfter(controls: readonly StoredRecord[]): Membership | null {
  return controlHistory(controls).at(-1)?.after ?? null;
}

function follow(before: Membership | null, record: LogRecord): ControlEvent {
  const decoded = decodeControl(record.body);
  const payload = decoded.ok ? decoded.value : null;
  const reason = hasValidSignature(record) ? (decoded.ok ? null : decoded.error) : 'its signature is wrong';
  const isFit = payload !== null && reason === null;
  if (before === null) {
    const started = isFit ? startMembership(record, payload) : null;
    if (started?.ok !== true) throw new Error('the log has no valid genesis');
    return { record, payload, reason: null, before, after: started.value };
  }
  const applied = isFit ? applyControl(before, record, payload) : null;
  if (applied?.ok === true) return { record, payload, reason: null, before, after: applied.value };
  return {
    record,
    payload,
    reason: reason ?? (applied?.ok === false ? applied.error : null),
    before,
    after: linkVoidControl(before, record),
  };
}
