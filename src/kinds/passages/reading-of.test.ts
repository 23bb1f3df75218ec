import { describe, expect, it } from 'vitest';
import { readingOf } from './reading-of.ts';

const SESSION = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

describe('what is searched', () => {
  it.each([
    ['claude-mem', 'claude-mem/observations/claude/s/x', 'one'],
    ['claude-mem', 'claude-mem/tool-uses/s/x', undefined],
    ['transcript', `projects/app-1/${SESSION}.jsonl`, 'lines'],
    ['text', 'CLAUDE.md', 'one'],
    ['text', 'projects/app-1/memory/notes.md', 'one'],
    ['folder', 'skills/review/SKILL.md', 'one'],
    ['folder', 'skills/review/logo.png', undefined],
    ['text', 'plugins/cache/x/README.md', undefined],
    ['json', 'settings.json', undefined],
    ['session-file', 'todos/x.json', undefined],
    ['opaque', 'x', undefined],
  ])('of %s %s: %s', (kind, name, type) => {
    expect(readingOf({ kind, name })?.type).toBe(type);
  });

  it('of a session: each thing that was said, where its line stands', () => {
    const lines = [
      { type: 'user', timestamp: '2026-01-01T00:00:00.000Z', message: { content: 'Hello' } },
      'no JSON',
      {
        type: 'assistant',
        message: {
          content: [
            { type: 'text', text: 'Hi' },
            { type: 'tool_use', name: 'Bash', input: { command: 'ls' } },
          ],
        },
      },
      { type: 'summary', summary: 'never said' },
    ].map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    const reading = readingOf({ kind: 'transcript', name: `projects/app-1/${SESSION}.jsonl` });
    const passages =
      reading?.type === 'lines'
        ? reading.passages(`projects/app-1/${SESSION}.jsonl`, Buffer.from(`${lines.join('')}{"type":"user"`), 100)
        : [];
    expect(passages).toMatchObject([
      {
        shelf: 'sessions',
        type: 'user',
        text: 'Hello',
        project: 'app-1',
        session: SESSION,
        time: Date.UTC(2026, 0, 1),
        start: 100,
        length: (lines[0]?.length ?? 0) - 1,
      },
      { type: 'assistant', text: 'Hi', time: null, start: 100 + (lines[0] ?? '').length + (lines[1] ?? '').length },
      { type: 'tool', text: 'Bash ls' },
    ]);
  });

  it('of a file: its text, by its name, in its category', () => {
    const reading = readingOf({ kind: 'text', name: 'plans/later.md' });
    const read = (body: Uint8Array) => (reading?.type === 'one' ? reading.passages('plans/later.md', body) : []);
    expect(read(Buffer.from('Ship it.'))).toMatchObject([
      { shelf: 'files', type: 'plans', title: 'plans/later.md', text: 'Ship it.', project: null },
    ]);
    for (const body of [Buffer.from(' \n'), Buffer.from([0xff, 0xfe]), Buffer.from('a\0b')]) expect(read(body)).toEqual([]);
  });
});
