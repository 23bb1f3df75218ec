import { canonicalJson } from './canonical-json.ts';
import { digestOf } from './digest.ts';
import type { Payload } from './op-rows.ts';
import type { RowKind } from './payload.ts';

/**
 * What a row is, whatever device has it: its natural key as far as an op says it. Databases that were copied from one
 * another push the same rows under ids of their own.
 */
export function subjectOf(kind: RowKind, payload: Payload): string {
  return digestOf(canonicalJson([kind, ...keyOf(kind, payload)])).slice(0, 22);
}

function keyOf(kind: RowKind, payload: Payload): unknown[] {
  const text = (field: string): unknown => payload[field] ?? '';
  switch (kind) {
    case 'observation': {
      const key = [text('memory_session_id'), text('title'), text('narrative')];
      return key[1] === '' && key[2] === '' ? [...key, text('text'), text('created_at_epoch')] : key;
    }
    case 'summary':
      return [text('memory_session_id'), text('created_at_epoch'), text('request')];
    case 'prompt':
      return [text('content_session_id'), text('prompt_number'), text('created_at_epoch')];
  }
}

const DOUBLE = '=';

/** In place of a subject: what a device says more of this entity, another device's, which is the same row. Nobody is told it as a row of its own. */
export function doubleOf(entity: string): string {
  return DOUBLE + entity;
}

/** The entity that such a mark is more of; `null` for one that is told, or gone. */
export function doubledBy({ subject }: { readonly subject: string }): string | null {
  return subject.startsWith(DOUBLE) ? subject.slice(DOUBLE.length) : null;
}
