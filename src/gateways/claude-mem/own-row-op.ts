import { isObject } from './canonical-json.ts';
import { isDecimal } from './decimal.ts';
import { digestOf } from './digest.ts';
import { rowBody } from './make-op.ts';
import type { Payload } from './op-rows.ts';
import { PAYLOAD_FIELDS, type RowKind } from './payload.ts';
import { parseOp, type Op } from './schema.ts';

/** What clients write where a cell holds nothing. */
const FALLBACKS: Readonly<Record<RowKind, Payload>> = {
  observation: { project: 'unknown', discovery_tokens: '0', created_at_epoch: '0' },
  summary: { project: 'unknown', discovery_tokens: '0', created_at_epoch: '0' },
  prompt: { project: 'unknown', prompt_number: '0', created_at_epoch: '0' },
};

/** A row of a device's database. */
export interface DeviceRow {
  readonly kind: RowKind;
  readonly local: string;
  readonly revision: string;
  readonly cells: Readonly<Record<string, unknown>>;
}

/** The very op that the device's own worker would push for a row; `null` for a row that it would not, since nobody could apply it. */
export function ownRowToOp(device: string, { kind, local, revision, cells }: DeviceRow): Op | null {
  if (!isDecimal(local) || !isDecimal(revision)) return null;
  const payload: Record<string, unknown> = {};
  for (const [field, { type }] of Object.entries(PAYLOAD_FIELDS[kind])) {
    const cell = cells[field] ?? null;
    const value = cell === null ? null : type === 'count' ? countOf(cell) : type === 'list' || type === 'object' ? jsonOf(cell) : cell;
    if (value === undefined) return null;
    payload[field] = value ?? FALLBACKS[kind][field] ?? null;
  }
  const body = rowBody({ kind, device, local, revision }, payload);
  const op = parseOp({ body, operation_sha256: digestOf(body) });
  return op.ok ? op.value : null;
}

function countOf(cell: unknown): string | undefined {
  return typeof cell === 'number' && Number.isSafeInteger(cell) && cell >= 0 ? String(cell) : undefined;
}

function jsonOf(cell: unknown): unknown {
  if (typeof cell !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(cell);
    return Array.isArray(value) || isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
