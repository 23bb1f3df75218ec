import { describe, expect, it } from 'vitest';
import { COMMANDS } from './main-commands.ts';

describe('COMMANDS', () => {
  it('has no name twice', () => {
    const names = COMMANDS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  it.each(COMMANDS.map((entry) => [entry.name, entry] as const))('%s loads, and its examples call it', async (name, entry) => {
    const spec = await entry.load();
    const leaves =
      'verbs' in spec
        ? Object.entries(spec.verbs).map(([verb, leaf]) => ({ leaf, call: verb === spec.bare ? name : `${name} ${verb}` }))
        : [{ leaf: spec, call: name }];
    if ('verbs' in spec && spec.bare !== undefined) expect(Object.keys(spec.verbs)).toContain(spec.bare);
    if (!('verbs' in spec)) expect(spec.summary).not.toBe('');
    for (const { leaf, call } of leaves) for (const example of leaf.examples) expect(example).toContain(`satchel ${call}`);
  });
});
