import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runHere } from '../e2e/run-here.ts';
import { ask } from '../node/place.ts';
import { MnemePlace } from './mneme-place.ts';

it('an import says what of it was new', async () => {
  const server = await MnemePlace.create();
  const home = server.place.home('ana');
  const folder = path.join(home, '.mneme-server');
  const write = async (project: string, file: string, text: string): Promise<void> => {
    await mkdir(path.join(folder, 'projects', project), { recursive: true });
    await writeFile(path.join(folder, 'projects', project, file), text);
  };
  const run = async () => {
    const { folder: from, ...counts } = await ask(server.node, 'mneme-import', { folder: null });
    expect(from).toBe(folder);
    return counts;
  };
  try {
    await server.put('app', 'log.jsonl', '{"ts":"2"}\n', 'a');
    await write('app', 'log.jsonl', '{"ts":"1"}\n');
    await write('app', 'remembered.json', '[]\n');
    await write('other', 'remembered.json', '[');
    expect(await run()).toMatchObject({ projects: 1, files: 2, added: 1, changed: 1, bad: [{ file: 'other/remembered.json' }] });
    expect(await run()).toMatchObject({ projects: 1, files: 2, added: 0, changed: 0 });
    await write('app', 'log.jsonl', '{"ts":"1"}\n{"ts":"3"}\n');
    expect(await run()).toMatchObject({ files: 2, added: 0, changed: 1 });
    await write('other', 'remembered.json', '[]\n');
    expect((await runHere(['mneme', 'import'], home)).stdout).toBe('Imported 3 files of 2 projects: 1 new, 0 changed.\n');
    expect((await runHere(['mneme', 'import'], home)).stdout).toBe('Imported 3 files of 2 projects: nothing new.\n');
  } finally {
    await server.close();
  }
});
