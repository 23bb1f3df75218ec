import { describe, expect, it } from 'vitest';
import { readEnvironment } from './environment.ts';
import { problemToText } from './problem.ts';

describe('readEnvironment', () => {
  it('derives folders from HOME, and takes the ones that are given', () => {
    expect(readEnvironment({ HOME: '/home/ada' })).toMatchObject({
      value: { home: '/home/ada/.satchel', claudeHome: '/home/ada/.claude', configHome: '/home/ada/.config', color: true },
    });
    expect(readEnvironment({ HOME: '/h', SATCHEL_HOME: '/s', CLAUDE_CONFIG_DIR: '/c', XDG_CONFIG_HOME: '', NO_COLOR: '1' })).toMatchObject({
      value: { home: '/s', claudeHome: '/c', configHome: '/h/.config', color: false },
    });
  });

  it('refuses mistyped variables and relative folders, all at once', () => {
    const result = readEnvironment({ HOME: '/h', SATCHEL_PROT: '1', SATCHEL_UNHEARD_OF: 'x', SATCHEL_HOME: 'here' });
    expect(result.ok ? [] : result.error.map(problemToText)).toEqual([
      'the environment: SATCHEL_PROT: is not a variable of Satchel. Did you mean SATCHEL_PORT?',
      expect.stringMatching(/SATCHEL_UNHEARD_OF: is not a variable of Satchel. Unset it; known are SATCHEL_HOME, /),
      'the environment: SATCHEL_HOME: expected an absolute path. Set SATCHEL_HOME to a path that starts at /',
    ]);
  });
});
