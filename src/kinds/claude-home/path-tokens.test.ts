import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromPortable, toPortable } from './path-tokens.ts';

const ana = { home: '/home/ana', claudeHome: '/home/ana/.claude' };
const bea = { home: '/Users/bea+x-(y)', claudeHome: '/data/claude' };

describe('paths in the space', () => {
  it.each([
    ['/home/ana', '{{satchel:home}}'],
    ['/home/ana/.claude/hooks/x.sh', '{{satchel:claude}}/hooks/x.sh'],
    ['bash "/home/ana/.claude/hooks/x.sh" --in /home/ana/dev', 'bash "{{satchel:claude}}/hooks/x.sh" --in {{satchel:home}}/dev'],
    ['PATH=/home/ana/bin:/home/ana/.local/bin:/usr/bin', 'PATH={{satchel:home}}/bin:{{satchel:home}}/.local/bin:/usr/bin'],
    ['/home/ana/.claude-old/x', '{{satchel:home}}/.claude-old/x'],
    ['/home/ana.', '{{satchel:home}}.'],
    ['/home/ana.backup', '/home/ana.backup'],
    ['/home/anabel/x', '/home/anabel/x'],
    ['/mnt/home/ana', '/mnt/home/ana'],
    ['../home/ana', '../home/ana'],
    ['/opt/tool', '/opt/tool'],
    ['~/.claude/x', '~/.claude/x'],
    ['Read({{satchel:home}}/x)', 'Read({{satchel:text}}home}}/x)'],
  ])('%s is %s', (local, portable) => {
    expect(toPortable(local, ana)).toBe(portable);
    expect(fromPortable(portable, ana)).toBe(local);
  });

  it('are those of the machine that they are put in place on', () => {
    const portable = toPortable('/home/ana/.claude/x and /home/ana/y', ana);
    expect(fromPortable(portable, bea)).toBe('/data/claude/x and /Users/bea+x-(y)/y');
  });

  it('come back as they were, whatever the text', () => {
    const part = fc.constantFrom(
      '/home/ana',
      '/.claude',
      '{{satchel:',
      'home}}',
      'text}}',
      'claude}}',
      '/',
      'x',
      '.',
      '-',
      ' ',
      '"',
      'é',
      '{',
      '}',
    );
    const text = fc.oneof(
      fc.array(part, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(ana, bea, { home: '/', claudeHome: '/.claude' }), (local, paths) => {
        expect(fromPortable(toPortable(local, paths), paths)).toBe(local);
      }),
      { numRuns: 3_000 },
    );
  });
});
