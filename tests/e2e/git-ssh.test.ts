import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

/** In the place of ssh: runs the command here, or says what OpenSSH and git hosts say where they do not let it run. */
const SSH = (mode: string): string => `#!/bin/sh
for last; do :; done
case "$(cat '${mode}') $last" in
  refused*) echo 'git@127.0.0.1: Permission denied (publickey).' >&2; exit 255 ;;
  changed*) printf '%s\\n' '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @' 'Host key for 127.0.0.1 has changed and you have requested strict checking.' 'Host key verification failed.' >&2; exit 255 ;;
  unknown*) echo 'Host key verification failed.' >&2; exit 255 ;;
  'reads git-receive-pack'*) echo 'ERROR: The key you are authenticating with has been marked as read only.' >&2; exit 1 ;;
esac
exec sh -c "$last"
`;

describe('a git repository over ssh', () => {
  const { root, remove } = makeRoot();
  const repository = path.join(root, 'space.git');
  const mode = path.join(root, 'mode');
  const ssh = path.join(root, 'ssh');
  const address = `git+ssh://git@127.0.0.1${repository}`;
  const env = { GIT_SSH_COMMAND: ssh, GIT_CONFIG_NOSYSTEM: '1' };
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'), env)) as [Machine, Machine];
  const be = (what: 'well' | 'refused' | 'changed' | 'unknown' | 'reads'): void => writeFileSync(mode, what);

  beforeAll(async () => {
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    writeFileSync(ssh, SSH(mode));
    chmodSync(ssh, 0o755);
    be('well');
    ana.write('CLAUDE.md', 'over ssh\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it.each([
    ['refused', /does not take this machine’s credentials.*Permission denied \(publickey\)/],
    ['changed', /another key than the one that ssh knows it by: somebody may stand in between/],
    ['unknown', /ssh does not know this host: connect once by hand/],
    ['reads', /may read there, and not write: give its key or token the right to write/],
  ] as const)('is no remote where it is %s, and is told why', async (what, says) => {
    be(what);
    const { code, stderr } = await ana.runAsking(['remotes', 'add', address]);
    expect([code, stderr]).toEqual([5, expect.stringMatching(says)]);
    expect(stderr).toContain('Run the same again once git ls-remote works with that address here');
    be('well');
  });

  it('is no remote where no repository is, which no waiting makes', async () => {
    const { code, stderr } = await ana.runAsking(['remotes', 'add', `${address}x`]);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/there is no git repository[^]*once git ls-remote works with that address/)]);
  });

  it('is added by the address that git hosts show, and joined', async () => {
    expect(await ana.ask(['remotes', 'add', address.replace('git+', '')])).toMatchObject({ address, made: true });
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    const { link } = await ana.ask<{ link: string }>(['invite']);
    be('refused');
    const refused = await bea.run(['join', link, '--name', 'bea', '--yes', '--once']);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringContaining('Run the same again once git ls-remote works with that address here'),
    ]);
    be('well');
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'over ssh\n');
  });

  it.each([
    ['refused', /does not take this machine’s credentials/],
    ['changed', /another key than the one that ssh knows it by/],
    ['reads', /may read there, and not write/],
  ] as const)('says of one that is %s what helps, loses nothing, and goes on by itself', async (what, says) => {
    be(what);
    ana.write(`rules/${what}.md`, `written while it was ${what}\n`);
    const synced = await ana.runAsking(['sync']);
    expect([synced.code, synced.stderr]).toEqual([5, expect.stringMatching(says)]);
    expect((await ana.runAsking(['status'])).stdout).toMatch(says);
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/FAIL space\.remote:personal: /)]);
    expect(doctor.stdout).toMatch(says);
    expect(doctor.stdout).toContain(`git ls-remote ssh://git@127.0.0.1${repository}`);
    expect(doctor.stdout).not.toContain('Ask an owner');
    be('well');
    expect((await ana.runAsking(['sync'])).code).toBe(0);
    await until('bea has it', () => bea.read(`rules/${what}.md`) === `written while it was ${what}\n`);
  });

  it('warns of a repository that is away, with what tells more', async () => {
    renameSync(repository, `${repository}.away`);
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      0,
      expect.stringMatching(/warn space\.remote:personal: .*there is no git repository[^]*git ls-remote ssh:/),
    ]);
    renameSync(`${repository}.away`, repository);
    await editsTravel(ana, bea, 'after all that');
  });
});
