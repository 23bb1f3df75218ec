import { describe, expect, it } from 'vitest';
import { encodeRow, type RowValue } from '../rows/row-body.ts';
import { memoryPassages } from './memory-passages.ts';
import { readMemory } from './memory.ts';
import { observationName, promptName, sessionName, summaryName, toolUseName } from './names.ts';

const row = (cells: Record<string, RowValue>): Uint8Array => encodeRow(new Map(Object.entries(cells)));
const session = sessionName({ platform: 'claude', contentSessionId: 's1' });

describe('a row of claude-mem', () => {
  it('that is an observation is found by all that it says', () => {
    const name = observationName(session, { title: 't', narrative: 'n', text: null, createdAtEpoch: 1 });
    const body = row({
      '@session': session,
      type: 'BugFix',
      title: 'Upload  never\nended',
      subtitle: 'in the queue',
      narrative: 'It retried.',
      facts: '["one","two"]',
      concepts: '["how-it-works"]',
      files_read: '["src/a.ts"]',
      files_modified: 'src/b.ts',
      project: 'app',
      created_at_epoch: 5,
    });
    expect(memoryPassages(name, body)).toEqual([
      {
        shelf: 'memories',
        type: 'bugfix',
        project: 'app',
        session: 's1',
        time: 5,
        title: 'Upload never ended',
        text: 'in the queue\nIt retried.\none\ntwo',
        tags: 'how-it-works\nsrc/a.ts\nsrc/b.ts',
        start: 0,
        length: body.length,
      },
    ]);
  });

  it('that is a summary or prompt too; the project of a prompt is its session’s', () => {
    const summary = memoryPassages(
      summaryName(session, { request: 'r', createdAtEpoch: 2 }),
      row({ request: 'r', learned: 'l', next_steps: 'n' }),
    );
    expect(summary).toMatchObject([{ type: 'summary', title: 'r', text: 'l\nn', session: 's1' }]);
    const name = promptName({ contentSessionId: 's1', promptNumber: 1, createdAtEpoch: 3 });
    expect(memoryPassages(name, row({ content_session_id: 's1', prompt_text: 'do it' }))).toMatchObject([
      { type: 'prompt', title: '', text: 'do it', session: 's1', project: null },
    ]);
    expect(memoryPassages(session, row({ project: 'app', user_prompt: 'do it' }))).toMatchObject([
      { type: 'session', title: '', text: '', project: 'app' },
    ]);
  });

  it('is nothing to find where it is a tool’s use, or no row', () => {
    expect(memoryPassages(toolUseName({ contentSessionId: 's1', toolUseId: 'x' }), row({ tool_input: 'x' }))).toEqual([]);
    for (const text of ['', '[]', '{"a":', '{"title":{"x":1}}', 'null'])
      expect(readMemory('claude-mem/observations/claude/s/x', Buffer.from(text))).toBeNull();
  });

  it('may hold anything where a list, text or time is expected', () => {
    const name = 'claude-mem/observations/claude/s/x';
    const odd = row({
      facts: '{"a":1}',
      concepts: '[1,null,"x"]',
      title: 7,
      narrative: new Uint8Array([1]),
      created_at_epoch: 1.5,
      type: '',
    });
    expect(readMemory(name, odd)).toMatchObject({
      facts: ['{"a":1}'],
      concepts: ['1', 'x'],
      title: '7',
      parts: [],
      time: 1,
      type: 'observation',
    });
  });
});
