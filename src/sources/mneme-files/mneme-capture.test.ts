import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { createSpaceDouble } from '../../../tests/sources/workspace-double.ts';
import type { Found } from '../../core/replica/workspace.ts';
import { mnemeKind } from '../../kinds/mneme/names.ts';
import { KINDS } from '../../kinds/registry.ts';
import { createStaleWritesWorkspace } from './stale-writes-workspace.ts';
import { createWholeFilesWorkspace } from './whole-files-workspace.ts';

const NOTE = { message: 'x', writer: 'x' };
const itemOf = (file: string) => ({ kind: mnemeKind(file), name: `p/${file}` });
const found = (file: string, text: string): Found => ({
  type: 'body',
  item: itemOf(file),
  attributes: {},
  body: Buffer.from(text),
  local: 'l',
});

function machine() {
  const clock = createTestClock();
  const space = createSpaceDouble(KINDS);
  const inner = space.workspace('w');
  const workspace = createWholeFilesWorkspace(createStaleWritesWorkspace(inner, clock), clock);
  return {
    clock,
    space,
    workspace,
    write: (file: string, text: string) => workspace.capture([found(file, text)], NOTE),
    /** Another machine's, brought here. */
    bring: async (file: string, text: string) => {
      space.put(itemOf(file).name, text, {}, itemOf(file).kind);
      const due = await workspace.outstanding();
      await workspace.intend(due);
      await workspace.applied(due.map(({ item, content }) => ({ item, content, local: 'l' })));
    },
    text: (file: string) => space.text(itemOf(file).name, itemOf(file).kind),
  };
}

describe('a file that cannot be read', () => {
  it('is looked at again, and taken once it is whole', async () => {
    const { write, text, space } = machine();
    await write('remembered.json', '["a","b"]');
    expect((await write('remembered.json', '["a",')).refused).toEqual([
      { item: itemOf('remembered.json'), reason: 'cannot be read: not JSON', again: true },
    ]);
    await write('remembered.json', '["a","c"]'); // which is a wish that b goes
    expect(text('remembered.json')).toBe('["a","c"]');
    expect(space.siblings).toEqual([]);
  });

  it('is kept beside what the space holds, which takes its place, where it stays so', async () => {
    const { write, text, space, clock, workspace } = machine();
    await write('remembered.json', '["a","b"]');
    await write('remembered.json', '["x",');
    clock.advance(6_000);
    expect((await write('remembered.json', '["x",')).refused).toEqual([]);
    expect(text('remembered.json')).toBe('["a","b"]');
    expect(space.siblings.map(({ item }) => item.name)).toEqual(['p/remembered.json']);
    expect((await workspace.outstanding()).map(({ item }) => item.name)).toEqual(['p/remembered.json']);
  });

  it('stays and is listed where the space holds nothing', async () => {
    const { write, space, clock } = machine();
    await write('summary.json', '');
    clock.advance(6_000);
    expect((await write('summary.json', '')).refused).toEqual([{ item: itemOf('summary.json'), reason: 'is empty' }]);
    expect(space.heads.size).toBe(0);
  });

  it('makes what the client begins anew no wish to delete', async () => {
    const { write, text } = machine();
    await write('remembered.json', '["a","b"]');
    await write('remembered.json', '["a",');
    await write('remembered.json', '["c"]');
    expect(JSON.parse(text('remembered.json') ?? '')).toEqual(['a', 'b', 'c']);
    await write('remembered.json', '["d"]');
    expect(JSON.parse(text('remembered.json') ?? '')).toEqual(['a', 'b', 'd']);
  });
});

describe('a file that was written again from what was read before', () => {
  it('takes away nothing of what was brought meanwhile', async () => {
    const { write, bring, text } = machine();
    await write('log.jsonl', 'a\nb\n');
    await bring('log.jsonl', 'a\nb\nbrought\n');
    await write('log.jsonl', 'b\n'); // summarised, by the file as it was
    expect(text('log.jsonl')).toBe('b\nbrought\n');
  });

  it('takes it away with the beginning of a log', async () => {
    const { write, bring, text } = machine();
    await write('log.jsonl', 'a\nb\n');
    await bring('log.jsonl', 'a\nbrought\nb\n');
    await write('log.jsonl', 'b\nc\n');
    expect(text('log.jsonl')).toBe('b\nc\n');
  });

  it('takes it away where it was seen, or could be', async () => {
    const { write, bring, text, clock } = machine();
    await write('log.jsonl', 'a\nb\n');
    await bring('log.jsonl', 'a\nb\nbrought\nmore\n');
    await write('log.jsonl', 'more\n');
    expect(text('log.jsonl')).toBe('more\n');
    await bring('log.jsonl', 'more\nagain\n');
    clock.advance(11 * 60_000);
    await write('log.jsonl', 'more\n');
    expect(text('log.jsonl')).toBe('more\n');
  });

  it('counts what was mentioned as soon as a count came', async () => {
    const { write, bring, text } = machine();
    const index = (mentions: number): string => JSON.stringify({ files: { x: { mentions, lastSeen: null, contexts: [] } } });
    await write('entities.json', index(1));
    await bring('entities.json', index(2));
    await write('entities.json', index(3));
    expect(text('entities.json')).toBe(index(3));
  });

  it('forgets what the user forgot, as soon as it came', async () => {
    const { write, bring, text, clock } = machine();
    await write('remembered.json', '["a"]');
    await bring('remembered.json', '["a","brought"]');
    await write('remembered.json', '["a"]');
    expect(text('remembered.json')).toBe('["a"]');
    await bring('remembered.json', '["brought instead"]');
    await write('remembered.json', '[]');
    expect(text('remembered.json')).toBe('[]');
    await write('remembered.json', '["a"]');
    await bring('remembered.json', '["a","brought later"]');
    await write('remembered.json', '["a","b"]'); // at once: what was brought was not seen
    expect(JSON.parse(text('remembered.json') ?? '')).toEqual(['a', 'brought later', 'b']);
    await bring('remembered.json', '["a","b","c"]');
    clock.advance(3_000);
    await write('remembered.json', '["a","d"]');
    expect(text('remembered.json')).toBe('["a","d"]');
  });
});
