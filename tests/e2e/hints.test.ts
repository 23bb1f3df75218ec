import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { allLeaves, flagOf, type Leaf } from './run-here.ts';

const SRC = new URL('../../src', import.meta.url).pathname;
const leaves = await allLeaves();

interface Hint {
  readonly at: string;
  readonly words: readonly string[];
  /** Said to be run as it stands: what it requires must be there. */
  readonly strict: boolean;
}

/** A word of a command line as hints have them: of ours, a placeholder, something put in, or a path. */
const WORD = String.raw`(?:--?[a-z][a-z-]*|[A-Z][A-Z0-9]+\b|\$\{[^}]*\}|\.{1,3}|-|[a-z][a-z-]*|~?/[\w/.-]+|<|>)`;
const LINE = new RegExp(String.raw`(Run:?|run:?|next: '|\x60)?\s?(?<![\w/.-])satchel((?: ${WORD})+)([\x60'",;.:)\]]|$)?`, 'g');

function* hintsIn(file: string): Generator<Hint> {
  for (const [index, line] of readFileSync(path.join(SRC, file), 'utf8').split('\n').entries()) {
    if (/^\s*(?:\/?\*|\/\/)|^import /.test(line)) continue;
    for (const [, lead, rest = '', end] of line.matchAll(LINE)) {
      const strict = lead !== undefined && end !== undefined;
      yield { at: `${file}:${index + 1}`, words: rest.trim().split(' '), strict };
    }
  }
}

/** Why nobody can run that; `null` where it is fine, or prose that only mentions the program. */
function problemOf({ words, strict }: Hint): string | null {
  const [name = '', ...rest] = words;
  if (!/^[a-z]/.test(name)) return null;
  const own = leaves.filter((leaf) => leaf.words[0] === name);
  if (own.length === 0) return strict ? `no command ${name}` : null;
  const single = own.find((leaf) => leaf.words.length === 1);
  const verb = single ?? own.find((leaf) => leaf.words[1] === rest[0]);
  // A verb may be left out, or be put in.
  if (verb === undefined)
    return rest.length > 0 && strict && /^[a-z]/.test(rest[0] ?? '') && !takesWords(own) ? `no verb ${rest[0]} of ${name}` : null;
  return problemOfLeaf(verb, verb === single ? rest : rest.slice(1), strict);
}

function takesWords(own: readonly Leaf[]): boolean {
  return own.some(({ words, spec }) => words[1] === 'list' && Object.keys(spec.arguments ?? {}).length > 0);
}

function problemOfLeaf({ call, spec }: Leaf, given: readonly string[], strict: boolean): string | null {
  const options = new Map(Object.entries(spec.options ?? {}).map(([key, option]) => [flagOf(key), option]));
  let positional = 0;
  let isOpen = false;
  for (let i = 0; i < given.length; i++) {
    const word = given[i] ?? '';
    if (word === '>' || word === '<') break;
    if (word.startsWith('${')) isOpen = true; // anything, or several words
    else if (word.startsWith('--')) {
      const option = options.get(word);
      if (option === undefined && word !== '--json' && word !== '--help') return `${call} has no option ${word}`;
      if (word === '--help') return null;
      if (option !== undefined && option.type !== 'flag') i += 1;
    } else if (strict || !/^[a-z]/.test(word)) positional += 1;
  }
  const specs = Object.values(spec.arguments ?? {});
  if (strict && !isOpen && positional > specs.length && !specs.some((each) => each.variadic === true))
    return `${call} takes ${specs.length} arguments`;
  const required = specs.filter((each) => each.required === true).length;
  return strict && !isOpen && positional < required ? `${call} wants ${required} arguments` : null;
}

describe('what the program says to run', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const hints = files.flatMap((file) => [...hintsIn(file)]);

  it('is found in the source', () => {
    expect(hints.length).toBeGreaterThan(300);
    expect(hints.filter(({ strict }) => strict).length).toBeGreaterThan(100);
  });

  it('exists, and takes what is given', () => {
    expect(
      hints.flatMap((hint) => (problemOf(hint) === null ? [] : [`${hint.at}: satchel ${hint.words.join(' ')}: ${problemOf(hint)}`])),
    ).toEqual([]);
  });

  it('would be noticed where it does not', () => {
    const bad = ['frobnicate', 'machines frobnicate', 'status --frobnicate', 'status X', 'spaces move X'];
    for (const line of bad) expect([line, problemOf({ at: '', words: line.split(' '), strict: true })]).toEqual([line, expect.any(String)]);
  });
});
