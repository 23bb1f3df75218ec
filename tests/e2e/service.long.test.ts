import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createLaunchdKind } from '../../src/node/service/launchd.ts';
import { NODE_FLAGS } from '../../src/node/service/thrift.ts';
import { Machine, makeRoot } from './machine.ts';

const run = promisify(execFile);
const SESSION = path.join(import.meta.dirname, 'systemd-session.sh');

/** Lines of a shell with `satchel` in it, under a systemd of their own; what they print. */
async function underSystemd(machine: Machine, script: string): Promise<string> {
  const satchel = `satchel() { '${process.execPath}' '${machine.program}' "$@"; }`;
  const { stdout } = await run(SESSION, ['sh', '-c', `${satchel}\n${script}`], { env: machine.env, timeout: 900_000 });
  return stdout;
}

describe('the service under a real systemd', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'));
  const unit = path.join(ana.home, '.config/systemd/user/satchel.service');
  beforeAll(() => ana.write('CLAUDE.md', 'kept\n'));
  afterAll(async () => {
    await ana.kill();
    remove();
  });

  it('is a unit that systemd finds no fault with', async () => {
    const { text } = await ana.ask<{ text: string }>(['service', 'install', '--dry-run']);
    const file = path.join(root, 'satchel.service');
    writeFileSync(file, text);
    mkdirSync(path.join(root, 'run'), { mode: 0o700 });
    const env = { ...ana.env, XDG_RUNTIME_DIR: path.join(root, 'run') };
    expect(await run('systemd-analyze', ['verify', '--user', file], { env })).toEqual({ stdout: '', stderr: '' });
  });

  it('starts, is started again after it was killed, and not after wrong configuration', async () => {
    const said = await underSystemd(
      ana,
      `satchel service install; satchel service status; satchel status
       pid() { systemctl --user show satchel.service -p MainPID --value; }
       first=$(pid); kill -9 "$first"
       until_so() { for _ in $(seq 600); do "$@" && break; sleep 0.1; done; }
       is_another() { now=$(pid); [ "$now" != 0 ] && [ "$now" != "$first" ]; }
       is_kept() { satchel status | grep -q '^Everything is kept here'; }
       state() { systemctl --user show satchel.service -p ActiveState --value; }
       has_failed() { [ "$(state)" = failed ]; }
       until_so is_another; is_another && echo "started again"
       until_so is_kept; satchel status
       echo '{"port": "x"}' > "$HOME/.satchel/config.json"; chmod 600 "$HOME/.satchel/config.json"
       systemctl --user restart satchel.service; until_so has_failed
       # Had it been started again, it would be by now.
       sleep 8; echo "after 8 s: $(state)"
       satchel service status; echo "code $?"
       rm "$HOME/.satchel/config.json"; systemctl --user reset-failed; satchel service install; satchel service status`,
    );
    expect(said).toMatch(/^Wrote .*satchel\.service\nThe node runs, and starts at each login\.\nRuns\.\n/);
    expect(said).toContain('started again\n');
    expect(said.match(/Everything is kept here/g)?.length).toBeGreaterThanOrEqual(1);
    expect(said).toContain('after 8 s: failed\n');
    expect(said).toMatch(/Installed, but does not run\.\ncode 1\n/);
    expect(said.trimEnd().endsWith('Runs.')).toBe(true);
    expect(ana.read('CLAUDE.md')).toBe('kept\n');
  });

  it('goes with `leave --purge`, and nothing of it stays', async () => {
    const said = await underSystemd(
      ana,
      `satchel service install; satchel leave --purge --discard --yes; echo "code $?"
       systemctl --user list-unit-files satchel.service --no-legend; systemctl --user is-active satchel.service`,
    ).catch((error: { stdout: string }) => error.stdout);
    expect(said).toMatch(/Removed the service\.\n[^]*Removed .*\.satchel\.\n[^]*code 0\ninactive\n$/);
    expect(existsSync(unit)).toBe(false);
    expect(existsSync(ana.store)).toBe(false);
    expect(readdirSync(ana.claude)).toEqual(['CLAUDE.md']);
  });
});

describe('the launch agent', () => {
  it('is a property list, whatever the paths hold', async () => {
    const { root, remove } = makeRoot();
    const kind = createLaunchdKind(root, 501);
    const odd = '/Users/Ana & "Bea" <x>/né\'e';
    const file = path.join(root, 'agent.plist');
    writeFileSync(
      file,
      kind.unit({ node: `${odd}/node`, script: `${odd}/main.js`, variables: { SATCHEL_HOME: odd }, logFolder: `${odd}/log` }),
    );
    const { stdout } = await run('python3', [
      '-c',
      'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))',
      file,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      Label: 'org.satchel.node',
      ProgramArguments: [`${odd}/node`, ...NODE_FLAGS, `${odd}/main.js`, 'up'],
      EnvironmentVariables: { SATCHEL_HOME: odd },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      StandardOutPath: `${odd}/log/service.log`,
    });
    expect(readFileSync(file, 'utf8')).not.toContain('<x>');
    remove();
  });
});
