import { array, assert, constantFrom, property } from 'fast-check';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { staysInside } from './link-target.ts';

describe('link targets', () => {
  it.each([
    ['a', 'b'],
    ['a/b', '../c'],
    ['a/b/c', '../../d/e'],
    ['a', './b//c'],
  ])('from %s to %s stays inside', (name, target) => expect(staysInside(name, target)).toBe(true));

  it.each([
    ['a', ''],
    ['a', '/etc'],
    ['a', '..'],
    ['a', '../b'],
    ['a/b', '../../c'],
    ['a', 'b/../../c'],
    ['a', 'b/../c'],
    ['a', 'C:x'],
    ['a', '..\\x'],
    ['a', 'b\0'],
    ['a', '.'],
  ])('from %s to %j does not', (name, target) => expect(staysInside(name, target)).toBe(false));

  it('never resolves outside', () => {
    const segments = array(constantFrom('..', '.', 'a', 'b', ''), { maxLength: 6 });
    assert(
      property(segments, array(constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }), (target, name) => {
        if (!staysInside(name.join('/'), target.join('/'))) return;
        const resolved = path.posix.resolve('/root', ...name.slice(0, -1), target.join('/'));
        expect(resolved.startsWith('/root/')).toBe(true);
      }),
    );
  });
});
