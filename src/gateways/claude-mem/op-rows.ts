import { contentHash } from '../../kinds/claude-mem/content-hash.ts';
import { observationName, promptName, summaryName } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import { canonicalJson, isObject } from './canonical-json.ts';
import { PAYLOAD_FIELDS, type RowKind } from './payload.ts';

export type Payload = Readonly<Record<string, unknown>>;

/** A row of an item: what the kind calls it, and what it holds. */
export interface NamedRow {
  readonly name: string;
  readonly row: Row;
}

/** Fields of a payload that say of which session a row is; its item says it by the session's name. */
export const SAID_BY_SESSION: Readonly<Record<RowKind, readonly string[]>> = {
  // Machines work it out anew, since it holds an id that may change.
  observation: ['memory_session_id', 'content_hash'],
  summary: ['memory_session_id'],
  prompt: ['memory_session_id', 'platform_source', 'project'],
};

/** What a payload is as an item. `session` is the session's name. */
export function payloadToRow(kind: RowKind, payload: Payload, session: string): NamedRow {
  const row = new Map<string, RowValue>([[SESSION, session]]);
  for (const [field, rule] of Object.entries(PAYLOAD_FIELDS[kind])) {
    const value = payload[field] ?? null;
    if (value === null || SAID_BY_SESSION[kind].includes(field)) continue;
    row.set(
      field,
      rule.type === 'count' ? Number(value) : rule.type === 'list' || rule.type === 'object' ? canonicalJson(value) : (value as string),
    );
  }
  return { name: nameOf(kind, row, session), row };
}

/**
 * A row over what the space holds of it: a cell that means the same stays as it is written there (JSON can be spelled in more than one
 * way), and so does what an op cannot say.
 */
export function layRow(kind: RowKind, row: Row, there: Row): Row {
  const laid = new Map(row);
  for (const [column, cell] of there) {
    const rule = PAYLOAD_FIELDS[kind][column];
    const says = rule !== undefined && !SAID_BY_SESSION[kind].includes(column);
    if (!says) {
      if (!laid.has(column)) laid.set(column, cell);
    } else if ((rule.type === 'list' || rule.type === 'object') && laid.has(column)) {
      if (canonicalJson(jsonOf(cell, rule.type)) === laid.get(column)) laid.set(column, cell);
    }
  }
  return laid;
}

/** The name that a row's words give it. `session` is its session's name. */
export function nameOf(kind: RowKind, row: Row, session: string): string {
  const text = (column: string): string | null => (row.get(column) as string | undefined) ?? null;
  const createdAtEpoch = row.get('created_at_epoch') as number;
  switch (kind) {
    case 'observation':
      return observationName(session, { title: text('title'), narrative: text('narrative'), text: text('text'), createdAtEpoch });
    case 'summary':
      return summaryName(session, { request: text('request'), createdAtEpoch });
    case 'prompt':
      return promptName({
        contentSessionId: text('content_session_id') ?? '',
        promptNumber: row.get('prompt_number') as number,
        createdAtEpoch,
      });
  }
}

/** What a payload says of the session of its row. */
export interface SessionFacts {
  readonly memorySessionId: string | null;
  readonly contentSessionId: string | null;
  readonly platform: string | null;
  readonly project: string | null;
}

/**
 * What a row is to clients. Its session must be known, by the item's name or not: `facts` are of the session's row. What they could
 * not take in is for {@link payloadProblem} to say. Foreign rows: cells of another type than the field's are left out.
 */
export function rowToPayload(kind: RowKind, row: Row, facts: SessionFacts): Payload {
  const payload: Record<string, unknown> = {};
  for (const [field, rule] of Object.entries(PAYLOAD_FIELDS[kind])) {
    const value = row.get(field);
    payload[field] =
      rule.type === 'count' ? countOf(value) : rule.type === 'list' || rule.type === 'object' ? jsonOf(value, rule.type) : textOf(value);
  }
  // Clients create the session that a row names.
  const memory = facts.memorySessionId ?? (kind === 'prompt' ? null : facts.contentSessionId);
  payload['memory_session_id'] = memory;
  payload['project'] ??= facts.project ?? 'unknown';
  if (kind === 'observation') payload['content_hash'] = contentHash(memory, textOf(row.get('title')), textOf(row.get('narrative')));
  if (kind !== 'prompt') payload['discovery_tokens'] ??= '0';
  else {
    payload['content_session_id'] ??= facts.contentSessionId;
    payload['platform_source'] = facts.platform;
  }
  payload['created_at'] ??= timeOf(row.get('created_at_epoch'));
  return payload;
}

function textOf(value: RowValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function countOf(value: RowValue | undefined): string | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : null;
}

function timeOf(value: RowValue | undefined): string | null {
  const time = new Date(typeof value === 'number' ? value : Number.NaN);
  return Number.isFinite(time.valueOf()) ? time.toISOString() : null;
}

function jsonOf(value: RowValue | undefined, type: 'list' | 'object'): unknown {
  if (typeof value !== 'string') return null;
  try {
    const parsed: unknown = JSON.parse(value);
    if (type === 'object') return isObject(parsed) ? parsed : null;
    return Array.isArray(parsed) && parsed.every((each) => typeof each === 'string') ? parsed : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
