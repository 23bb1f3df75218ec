import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepCompiledParts } from './compiled-code.ts';

const COMPILE = '_compile';
const node = Module.prototype as unknown as { [COMPILE]: unknown };
const before = node[COMPILE];
let root: string;
let main: string;
let folder: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-compiled-'));
  main = path.join(root, 'cli', 'main.js');
  folder = path.join(root, 'compiled');
  await mkdir(path.dirname(main));
  await writeFile(path.join(root, 'package.json'), '{"type":"commonjs"}');
  await writeFile(main, '');
  await write('second.js', "exports.name = require('node:path').basename(__filename);");
  await write('first.js', "exports.answer = () => 41 + 1;\nexports.second = () => require('./second.js').name;");
});

afterEach(() => rm(root, { recursive: true, force: true }));

function write(name: string, text: string): Promise<void> {
  return writeFile(path.join(path.dirname(main), name), text);
}

/** What the first part says in a process that keeps what it compiled. */
function run(): unknown {
  const keep = keepCompiledParts(main, folder);
  const require = createRequire(main);
  for (const file of Object.keys(require.cache)) if (file.startsWith(path.dirname(main))) delete require.cache[file];
  try {
    const { answer, second } = require('./first.js') as { answer: () => unknown; second: () => unknown };
    return [answer(), second()];
  } finally {
    node[COMPILE] = before;
    keep();
  }
}

/** Files of the folder with when they were written. */
async function kept(): Promise<string[]> {
  const names = await readdir(folder);
  return Promise.all(names.toSorted().map(async (name) => `${name} ${(await stat(path.join(folder, name))).ino}`));
}

describe('compiled parts', () => {
  it('are kept for this user alone, and used', async () => {
    expect(run()).toEqual([42, 'second.js']);
    const first = await kept();
    expect(first).toHaveLength(2);
    for (const name of await readdir(folder)) expect((await stat(path.join(folder, name))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(run()).toEqual([42, 'second.js']);
    expect(await kept()).toEqual(first);
  });

  it('give way to a part that changed, even to one as long', async () => {
    run();
    await write('second.js', "exports.name = require('node:path').basename('/x/other.js');".padEnd(60));
    await write('first.js', "exports.answer = () => 43 + 1;\nexports.second = () => require('./second.js').name;");
    expect(run()).toEqual([44, 'other.js']);
    expect(run()).toEqual([44, 'other.js']);
  });

  it.each([0, 10, 31, 32, 40, 100, -1])('that are damaged at byte %i are made anew', async (at) => {
    run();
    const sound = await kept();
    const [name = ''] = await readdir(folder);
    const bytes = await readFile(path.join(folder, name));
    bytes.writeUInt8(bytes.at(at)! ^ 1, at < 0 ? bytes.length + at : at);
    await writeFile(path.join(folder, name), bytes);
    expect(run()).toEqual([42, 'second.js']);
    expect(await kept()).not.toEqual(sound);
    await writeFile(path.join(folder, name), bytes.subarray(0, Math.abs(at)));
    expect(run()).toEqual([42, 'second.js']);
  });

  it('are neither read nor written where others can write', async () => {
    run();
    const sound = await kept();
    for (const name of await readdir(folder)) await writeFile(path.join(folder, name), 'planted');
    await chmod(folder, 0o777);
    expect(run()).toEqual([42, 'second.js']);
    expect(await kept()).toEqual(sound);
    expect(await readFile(path.join(folder, (await readdir(folder))[0] ?? ''), 'utf8')).toBe('planted');
  });

  it('are no reason to fail where there is no folder to be had', async () => {
    await writeFile(folder, 'a file');
    expect(run()).toEqual([42, 'second.js']);
  });
});
