import { isObject } from './canonical-json.ts';
import { isDecimal } from './decimal.ts';

export type RowKind = 'observation' | 'summary' | 'prompt';

type FieldType = 'text' | 'name' | 'list' | 'count' | 'object';

interface FieldRule {
  readonly type: FieldType;
  /** Neither absent, null nor empty: clients throw on it, or their tables do. */
  readonly isNeeded?: true;
}

const text = { type: 'text' } as const;
const name = { type: 'name' } as const;
const list = { type: 'list' } as const;
const count = { type: 'count' } as const;
const needed = <T extends FieldRule>(rule: T): T & { isNeeded: true } => ({ ...rule, isNeeded: true });

/** Every field that a payload may have. The rules are those of the clients 13.12 to 13.25, when they take an op in. */
export const PAYLOAD_FIELDS: Readonly<Record<RowKind, Readonly<Record<string, FieldRule>>>> = {
  observation: {
    agent_id: text,
    agent_type: text,
    concepts: list,
    content_hash: text,
    created_at: needed(text),
    created_at_epoch: needed(count),
    discovery_tokens: count,
    facts: list,
    files_modified: list,
    files_read: list,
    generated_by_model: text,
    memory_session_id: needed(name),
    merged_into_project: name,
    metadata: { type: 'object' },
    narrative: text,
    project: needed(name),
    prompt_number: count,
    subtitle: text,
    text,
    title: text,
    type: needed(text),
  },
  summary: {
    completed: text,
    created_at: needed(text),
    created_at_epoch: needed(count),
    discovery_tokens: count,
    files_edited: list,
    files_read: list,
    investigated: text,
    learned: text,
    memory_session_id: needed(name),
    merged_into_project: name,
    next_steps: text,
    notes: text,
    project: needed(name),
    prompt_number: count,
    request: text,
  },
  prompt: {
    content_session_id: needed(name),
    created_at: needed(text),
    created_at_epoch: needed(count),
    memory_session_id: name,
    platform_source: name,
    project: needed(name),
    prompt_number: needed(count),
    prompt_text: needed(text),
  },
};

/** What clients look rows up by: neither blank nor longer, bytes. */
export const NAME_BYTES = 4_096;
/** Clients make a Date of times: later ones throw. Milliseconds since 1970. */
const LAST_TIME = 8_640_000_000_000_000;

/** Why no client could apply this payload of a live row; `null` where all can. */
export function payloadProblem(kind: RowKind, payload: unknown): string | null {
  if (!isObject(payload)) return `${kind} payload must be an object`;
  const rules = PAYLOAD_FIELDS[kind];
  for (const field of Object.keys(payload)) if (!Object.hasOwn(rules, field)) return `${kind} payload contains unknown field ${field}`;
  for (const [field, rule] of Object.entries(rules)) {
    const value = payload[field] ?? null;
    const problem = value === null ? (rule.isNeeded === true ? 'is needed' : null) : fieldProblem(field, rule, value);
    if (problem !== null) return `${kind}.${field} ${problem}`;
  }
  return null;
}

function fieldProblem(field: string, rule: FieldRule, value: unknown): string | null {
  switch (rule.type) {
    case 'list':
      return Array.isArray(value) && value.every((each) => typeof each === 'string') ? null : 'must be a string array or null';
    case 'object':
      return isObject(value) ? null : 'must be an object or null';
    case 'count':
      if (!isDecimal(value)) return 'must be a decimal string';
      if (!Number.isSafeInteger(Number(value))) return 'is greater than what clients can keep';
      return field === 'created_at_epoch' && Number(value) > LAST_TIME ? 'is no time' : null;
    case 'name':
      return isName(value) ? null : `must be a non-blank string of at most ${NAME_BYTES} bytes`;
    case 'text':
      if (typeof value !== 'string') return 'must be a string';
      return rule.isNeeded === true && value === '' ? 'must not be empty' : null;
  }
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && Buffer.byteLength(value) <= NAME_BYTES;
}
