import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync(new URL('../../docs/threat-model.md', import.meta.url), 'utf8');
const root = new URL('../../', import.meta.url);

/** Titles as they stand in the source: a text right before a function, as `it('…', () =>` and `it.each(…)('…', async (`. */
function titlesIn(file: string): Set<string> {
  const source = readFileSync(new URL(file, root), 'utf8');
  const titles = /(['"`])((?:\\.|(?!\1)[^\\\n])+)\1,\s*(?:\{[^}\n]*\},\s*)?(?:async\b|\(|[a-z][A-Za-z]* =>)/g;
  return new Set([...source.matchAll(titles)].map((match) => (match[2] as string).replaceAll(/\\(.)/g, '$1')));
}

/** `file` › title, up to the end of the cell, a line break of the table, or the parenthesis that it stands in. */
function* namedTests(text: string): Generator<{ readonly file: string; readonly title: string }> {
  for (const match of text.replaceAll(/\n {2}/g, ' ').matchAll(/`([\w./-]+\.ts)` › (.+?)(?= \||<br>|\)(?:\n|$))/gm))
    yield { file: match[1] as string, title: match[2] as string };
}

const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (promise|it does) /.test(line));

it.each(rows.map((row) => [row.slice(2, 70), row] as const))('names tests for: %s', (_what, row) => {
  const named = [...namedTests(row)];
  expect(named.length).toBeGreaterThan(0);
  for (const { file, title } of named) {
    expect(existsSync(new URL(file, root)) ? '' : file).toBe('');
    expect([...titlesIn(file)]).toContain(title);
  }
});

it('names what is there behind limits too', () => {
  const limits = [...namedTests(page.slice(page.indexOf('## What is not')))];
  expect(limits.length).toBeGreaterThan(1);
  for (const { file, title } of limits) expect([...titlesIn(file)]).toContain(title);
});

it('would notice a test that is gone', () => {
  expect([...namedTests('| x | `tests/hostile/log.test.ts` › no such test |')]).toEqual([
    { file: 'tests/hostile/log.test.ts', title: 'no such test' },
  ]);
  expect(titlesIn('tests/hostile/log.test.ts').has('no such test')).toBe(false);
  expect(titlesIn('tests/hostile/log.test.ts').size).toBeGreaterThan(10);
});
