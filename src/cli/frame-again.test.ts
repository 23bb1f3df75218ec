import { describe, expect, it } from 'vitest';
import { sameCommand } from './frame-again.ts';
import { defineCommand } from './frame-command.ts';

describe('the same command once more', () => {
  const leaf = defineCommand({
    summary: '',
    arguments: { items: { summary: '', variadic: true } },
    options: {
      olderThan: { type: 'number', value: 'DAYS', summary: '', min: 0, max: 9 },
      only: { type: 'list', value: 'NAME', summary: '' },
      space: { type: 'text', value: 'SPACE', summary: '' },
      dryRun: { type: 'flag', summary: '' },
      yes: { type: 'flag', summary: '' },
    },
    examples: ['satchel x'],
    run: () => Promise.reject(new Error('never')),
  });

  it('carries all that was given, as a shell takes it, and what is new', () => {
    const options = { olderThan: 0, only: ['a', 'b c'], space: "ana's", dryRun: false, yes: false };
    expect(sameCommand({ leaf, call: 'store x', args: { items: ['one', 'two words'] }, options }, { yes: true })).toBe(
      `satchel store x one 'two words' --older-than 0 --only a --only 'b c' --space 'ana'\\''s' --yes`,
    );
  });

  it('sets what was given otherwise, and leaves out what was not given', () => {
    const nothing = { olderThan: 3, only: [], space: undefined, dryRun: true, yes: false };
    expect(sameCommand({ leaf, call: 'x', args: { items: [] }, options: nothing }, { dryRun: false, olderThan: 4 })).toBe(
      'satchel x --older-than 4',
    );
    expect(sameCommand({ leaf, call: 'x', args: { items: undefined }, options: nothing }, {})).toBe('satchel x --older-than 3 --dry-run');
  });
});
