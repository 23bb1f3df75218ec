import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fewChunks } from './chunks.mjs';

const ROOT = path.resolve('/program');
const inRoot = (file) => path.join(ROOT, file);
const SIZE = 1000;

/** Names of the files that modules come into: each module by what it imports, at once and when it is needed, and by its size. */
function chunksOf(modules) {
  const { plugin, codeSplitting } = fewChunks(ROOT);
  for (const [file, { at, when = [], size = 1, isEntry = false }] of Object.entries(modules))
    plugin.moduleParsed({
      id: inRoot(file),
      isEntry,
      importedIds: at.map(inRoot),
      dynamicallyImportedIds: when.map(inRoot),
      code: ' '.repeat(size * SIZE),
    });
  const [{ name }] = codeSplitting.groups;
  return Object.fromEntries(Object.keys(modules).map((file) => [file, name(inRoot(file))]));
}

const PROGRAM = {
  'src/cli/main.ts': { at: ['src/system.ts'], when: ['src/cli/frame.ts', 'src/cli/main-commands.ts'], isEntry: true },
  'src/system.ts': { at: [] },
  'src/cli/frame.ts': { at: [], when: ['src/cli/frame-parser.ts'] },
  'src/cli/frame-parser.ts': { at: [] },
  'src/cli/main-commands.ts': { at: [], when: ['src/cli/show.ts', 'src/cli/ask-in-process.ts', 'src/rare.ts', 'src/doctor.ts'] },
  'src/cli/show.ts': { at: ['src/request.ts'] },
  'src/cli/ask-in-process.ts': { at: ['src/engine.ts', 'src/request.ts', 'src/checked.ts'] },
  'src/request.ts': { at: [] },
  'src/checked.ts': { at: ['node_modules/zod/index.js'] },
  'src/doctor.ts': { at: ['src/places.ts'] },
  'src/places.ts': { at: [] },
  'src/engine.ts': { at: ['src/words.ts', 'src/places.ts'], when: ['src/node/threads/thread.ts'], size: 200 },
  'src/words.ts': { at: [] },
  'src/node/threads/thread.ts': { at: ['src/words.ts', 'src/checked.ts'] },
  'src/rare.ts': { at: ['src/engine.ts', 'src/large.ts'] },
  'src/large.ts': { at: [] },
  'node_modules/zod/index.js': { at: [], size: 500 },
};

describe('the files of the program', () => {
  it('are one of what every command loads, where its start is apart', () => {
    const chunks = chunksOf(PROGRAM);
    for (const file of ['src/system.ts', 'src/cli/frame.ts', 'src/cli/frame-parser.ts', 'src/cli/main-commands.ts'])
      expect(chunks[file]).toBe('command');
    // Threads start without it, and would start a command with it.
    expect(chunks['src/cli/main.ts']).toBeNull();
  });

  it('hold of a node what a command needs that asks one apart from what threads need, what others do, and the rest', () => {
    const chunks = chunksOf(PROGRAM);
    expect(chunks['src/request.ts']).toBe('asking');
    expect(chunks['src/words.ts']).toBe('threads');
    expect(chunks['src/places.ts']).toBe('beside');
    expect(chunks['src/engine.ts']).toBe('node');
    expect(chunks['src/cli/ask-in-process.ts']).toBe('node');
  });

  it('are as the bundler makes them where something is not for every command, nor for every node, or needs zod', () => {
    const chunks = chunksOf(PROGRAM);
    for (const file of ['src/cli/show.ts', 'src/rare.ts', 'src/large.ts', 'src/node/threads/thread.ts']) expect(chunks[file]).toBeNull();
    for (const file of ['src/checked.ts', 'node_modules/zod/index.js']) expect(chunks[file]).toBeNull();
  });
});
