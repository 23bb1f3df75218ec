import type { SessionRecord } from './session-records.ts';

/** Who said something in a session, as people call them. */
export type Speaker = 'user' | 'assistant' | 'thinking' | 'tool' | 'tool result' | 'system';

export interface Said {
  readonly by: Speaker;
  readonly text: string;
}

/** What a person can read of a record of a transcript, in its order. Nothing for records that are about the session. */
export function saidIn(record: SessionRecord): Said[] {
  const { type, message, content } = record;
  if (type === 'system') return typeof content === 'string' ? [{ by: 'system', text: content }] : [];
  if (type !== 'user' && type !== 'assistant') return [];
  const said = isObject(message) ? message['content'] : null;
  if (typeof said === 'string') return [{ by: type, text: said }];
  return Array.isArray(said) ? said.flatMap((block: unknown) => (isObject(block) ? inBlock(block, type) : [])) : [];
}

function inBlock(block: SessionRecord, by: 'user' | 'assistant'): Said[] {
  switch (block['type']) {
    case 'text':
      return said(by, block['text']);
    case 'thinking':
      return said('thinking', block['thinking']);
    case 'tool_use':
      return said('tool', [block['name'], ...textsIn(block['input'])].join(' '));
    case 'tool_result':
      return said('tool result', textsIn(block['content']).join('\n'));
    default:
      return [];
  }
}

function said(by: Speaker, text: unknown): Said[] {
  return typeof text === 'string' && text !== '' ? [{ by, text }] : [];
}

/** All texts in a value, but for those of images and the like. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (!isObject(value) || value['type'] === 'image' || value['type'] === 'document') return [];
  return Object.entries(value).flatMap(([key, member]) => (key === 'type' ? [] : textsIn(member)));
}

function isObject(value: unknown): value is SessionRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
