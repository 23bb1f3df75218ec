import { expect, it } from 'vitest';
import { itemWord } from './item-word.ts';

it.each([
  ['rules/style.md', 'rules/style.md'],
  ['my notes.md', "'my notes.md'"],
  ["x'; rm -rf ~; '", `'x'\\''; rm -rf ~; '\\'''`],
  ['--json', './--json'],
  ['a\u001b[2Jb', "'a\\u001b[2Jb'"],
  ['$(id)', "'$(id)'"],
])('%j becomes %s', (name, word) => {
  expect(itemWord(name)).toBe(word);
});
