import { expect, it } from 'vitest';
import { gitError } from './git-errors.ts';

it('says why ssh did not get there, not only that nothing could be read', () => {
  const said = [
    'ssh: Could not resolve hostname nohost.invalid: Name or service not known',
    'fatal: Could not read from remote repository.',
    '',
    'Please make sure you have the correct access rights',
  ].join('\r\n');
  const { type, message } = gitError('git@nohost.invalid:me/x.git', said);
  expect(type).toBe('unreachable');
  expect(message).toContain('git: ssh: Could not resolve hostname nohost.invalid: Name or service not known; fatal: Could not read');
});
