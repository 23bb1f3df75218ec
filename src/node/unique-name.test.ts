import { describe, expect, it } from 'vitest';
import { uniqueName } from './unique-name.ts';

describe('uniqueName', () => {
  it('keeps a name that nobody has, and numbers others', () => {
    expect(uniqueName('laptop', new Set(['desk']))).toBe('laptop');
    expect(uniqueName('Laptop', new Set(['laptop', 'laptop-2']))).toBe('Laptop-3');
  });

  it('stays as short as names are', () => {
    const long = 'x'.repeat(64);
    expect(uniqueName(long, new Set([long]))).toBe(`${'x'.repeat(62)}-2`);
  });
});
