import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseCommandLine } from '../../src/cli/frame-parser.ts';
import { COMMANDS } from '../../src/cli/main-commands.ts';

const root = path.resolve(import.meta.dirname, '../..');
const below = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((name) => !/^deploy\/(secrets|data)\//.test(name));
const files = ['README.md', ...below('deploy'), ...below('docs/guides')];
const text = (name: string): string => readFileSync(path.join(root, name), 'utf8');

/** Prose that names no command, after the program's name. */
const NO_COMMAND = /^(?:login|owner|authorization|would)$/;

/** What is called in code: between backticks, at the start of an indented line, or by a container. Up to what a shell would take. */
function callsIn(name: string): string[][] {
  const found = text(name).matchAll(/(?:`|^ {4}|^)(?:exec )?(?:\S*\/)?(?:satchel|node \S*dist\/cli\/main\.js"?) ([a-z][^`\n#>|<]*)/gm);
  return [...found].map(([, call = '']) => wordsOf(call)).filter(([word = '']) => !NO_COMMAND.test(word));
}

/** A word in quotes is one. What is left open (`…`, `[X]`) is left out. */
function wordsOf(call: string): string[] {
  const words = call.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return words.map((word) => word.replace(/^["']|["']$/g, '')).filter((word) => !/^\[|\]$|^…$/.test(word));
}

describe('what deploy/, the guides and the README say', () => {
  it('sets no variable that Satchel does not know', () => {
    const named = new Set(files.flatMap((name) => text(name).match(/\bSATCHEL_[A-Z0-9]+(?:_[A-Z0-9]+)*\b/g) ?? []));
    expect(named.size).toBeGreaterThan(5);
    for (const name of named) expect([name, readEnvironment({ HOME: '/home/ada', [name]: '/x' }).ok]).toEqual([name, true]);
  });

  const calls = files.flatMap((name) => callsIn(name).map((words) => [`${name}: satchel ${words.join(' ')}`, words] as const));

  it('calls the program at all', () => {
    expect(calls.length).toBeGreaterThan(60);
  });

  it.each(calls)('calls what there is, with options that there are: %s', async (_call, words) => {
    const failure = await parseCommandLine(words, COMMANDS, 100).then(
      () => null,
      (error: Error) => error.message,
    );
    // Prose names a command without what it takes.
    if (failure !== null) expect(failure).toMatch(/^missing required argument/);
  });
});
