import { canonicalJson } from './canonical-json.ts';
import { digestOf } from './digest.ts';
import type { Payload } from './op-rows.ts';
import type { RowKind } from './payload.ts';

const WORDS: Readonly<Record<RowKind, readonly string[]>> = {
  observation: ['title', 'narrative', 'text'],
  summary: ['request', 'investigated', 'learned', 'completed', 'next_steps', 'notes'],
  prompt: ['prompt_text'],
};

/** When and in which session it was made, with each of its texts: an edit leaves one of them, and several rows are made in one millisecond. */
export function traitsOf(kind: RowKind, payload: Payload): string[] {
  const { created_at_epoch: createdAt, memory_session_id: session } = payload;
  return WORDS[kind].flatMap((field) =>
    typeof payload[field] === 'string' ? [digestOf(canonicalJson([createdAt, session, field, payload[field]])).slice(0, 12)] : [],
  );
}
