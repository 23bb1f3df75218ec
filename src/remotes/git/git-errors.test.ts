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

const COULD_NOT_READ =
  'fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.';
const HOST = 'git+ssh://root@127.0.0.1:42222/srv/space.git';

/** As OpenSSH 9 and git 2.39 say it. */
it.each([
  [
    'a host that shows another key',
    [
      '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
      '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
      'Offending ED25519 key in /home/ana/.ssh/known_hosts:1',
      'Host key for [127.0.0.1]:42222 has changed and you have requested strict checking.',
      'Host key verification failed.',
    ],
    /another key than the one that ssh knows it by: somebody may stand in between.*ssh-keygen -R.*git: Host key for \[127\.0\.0\.1\]:42222 has changed/,
  ],
  ['a host that is not known', ['Host key verification failed.'], /ssh does not know this host: connect once by hand/],
  [
    'a key that is not taken',
    ['root@127.0.0.1: Permission denied (publickey).'],
    /does not take this machine’s credentials.*git: root@127\.0\.0\.1: Permission denied \(publickey\)\.; fatal: Could not read/,
  ],
  [
    'a key that may only read',
    ['ERROR: The key you are authenticating with has been marked as read only.'],
    /may read there, and not write: give its key or token the right to write/,
  ],
])('knows %s, which does not mend itself', (_what, lines, says) => {
  const { type, message } = gitError(HOST, [...lines, COULD_NOT_READ].join('\r\n'));
  expect([type, message]).toEqual(['unauthorized', expect.stringMatching(says)]);
});
