import { describe, expect, it } from 'vitest';
import { machineNameProblem, nameOfHost } from './machine-name.ts';

describe('a machine’s name', () => {
  it.each(['laptop', 'Anas Büro', '山', 'pi-4 (garage)', '👩‍💻', 'x'.repeat(64)])('may be %j', (name) => {
    expect([machineNameProblem(name), nameOfHost(name)]).toEqual([null, name]);
  });

  it.each([
    ['', /blanks/],
    ['  ', /blanks/],
    ['x'.repeat(65), /at most 64/],
    ['a\nb', /line breaks/],
    ['\u001b[31mred', /control/],
    ['a\u202eb', /invisible/],
    ['a\u2028b', /line breaks/],
    ['a\u0000', /control/],
    ['old (left)', /left/],
  ])('is not %j', (name, why) => {
    expect(machineNameProblem(name)).toMatch(why);
    expect(machineNameProblem(nameOfHost(name))).toBeNull();
  });
});
