import { expect, it } from 'vitest';
import { createStyle } from './output-style.ts';
import { readableBody } from './readable-body.ts';

const context = { style: createStyle(false), clock: { now: () => Date.UTC(2026, 10, 21), sleep: async () => undefined } };
const shown = { deleted: false, encoding: 'utf8', passage: null, machine: 'pi' };

it('shows a memory with everything that it says, safe for a terminal', () => {
  const body = JSON.stringify({
    type: 'bugfix',
    title: 'Upload\u001b[2J ended',
    narrative: 'It retried.\nFor ever.',
    facts: '["one"]',
    files_modified: '["src/a.ts"]',
    project: 'app',
  });
  expect(readableBody(context, { ...shown, kind: 'claude-mem', item: 'claude-mem/observations/claude/s1/x', body })).toBe(
    'Upload\\u001b[2J ended\nbugfix · app · pi · session s1\n\nIt retried.\nFor ever.\n\n- one\n\nFiles changed: src/a.ts',
  );
});

it('shows a session as a conversation, and one message of it alone', () => {
  const body = [
    { type: 'user', message: { content: 'Hello\n' } },
    { type: 'assistant', message: { content: [{ type: 'text', text: 'Hi' }] } },
  ]
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('');
  const session = { ...shown, kind: 'transcript', item: 'projects/a/b.jsonl', body };
  expect(readableBody(context, session)).toBe('user:\nHello\n\nassistant:\nHi');
  expect(readableBody(context, { ...session, body: 'Hi\n', passage: 2 })).toBe('Hi');
  expect(readableBody(context, { ...session, body: '' })).toBe('Nothing was said in it.');
});

it('leaves everything else as it is', () => {
  for (const kind of ['text', 'json']) expect(readableBody(context, { ...shown, kind, item: 'x', body: '{}' })).toBeNull();
  expect(readableBody(context, { ...shown, kind: 'claude-mem', item: 'claude-mem/tool-uses/s/x', body: '{}' })).toBeNull();
  expect(readableBody(context, { ...shown, kind: 'transcript', item: 'x', body: '', deleted: true })).toBeNull();
});
