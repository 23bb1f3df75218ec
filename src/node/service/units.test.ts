import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLaunchdKind, launchdAgent } from './launchd.ts';
import { createSystemdKind, systemdUnit } from './systemd.ts';

const plain = {
  node: '/usr/bin/node',
  script: '/opt/satchel/dist/cli/main.js',
  variables: { SATCHEL_HOME: '/home/ada/.satchel' },
  logFolder: '/home/ada/.satchel/log',
};
const odd = {
  node: process.execPath,
  script: '/opt/50% of "my" $HOME\\tools & <more>/it\'s main.js',
  variables: { SATCHEL_HOME: '/home/ada/a 100%\\"b" $c', CLAUDE_CONFIG_DIR: '/x/%h' },
  logFolder: '/home/ada/a & b',
};

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const hasPlistLib = spawnSync('python3', ['-c', 'import plistlib']).status === 0;

describe('systemdUnit', () => {
  it('starts satchel up, hardened, again after failures but not after wrong configuration or a refusal, which a person has to answer', () => {
    const unit = systemdUnit(plain);
    expect(unit).toContain(
      'ExecStart=:"/usr/bin/node" "--max-semi-space-size=4" "--min-semi-space-size=4" "--no-memory-reducer" "/opt/satchel/dist/cli/main.js" up\nEnvironment="SATCHEL_HOME=/home/ada/.satchel"\nRestart=on-failure\n',
    );
    for (const line of ['NoNewPrivileges=yes', 'UMask=0077', 'RestartPreventExitStatus=2 5', 'WantedBy=default.target']) {
      expect(unit.split('\n')).toContain(line);
    }
    expect(unit).toMatch(/^# Written by: satchel service install\n/);
  });

  it('escapes what systemd would interpret', () => {
    const unit = systemdUnit(odd);
    expect(unit).toContain(String.raw`"/opt/50%% of \"my\" $HOME\\tools & <more>/it's main.js" up`);
    expect(unit).toContain(String.raw`Environment="SATCHEL_HOME=/home/ada/a 100%%\\\"b\" $c"`);
    expect(unit).toContain('Environment="CLAUDE_CONFIG_DIR=/x/%%h"');
  });

  it('refuses a path that would begin a line of its own', () => {
    expect(() => systemdUnit({ ...plain, script: '/a\nExecStartPre=/bin/evil' })).toThrow('control characters');
    expect(() => launchdAgent({ ...plain, script: '/a\u0000' })).toThrow('control characters');
  });

  it.runIf(hasSystemd).each([
    ['plain', { ...plain, node: process.execPath }],
    ['odd', odd],
  ])('satisfies systemd-analyze: %s', (_, program) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'satchel-unit-'));
    try {
      const file = path.join(folder, 'satchel.service');
      writeFileSync(file, systemdUnit(program));
      const verified = spawnSync('systemd-analyze', ['verify', '--user', '--man=no', file], {
        encoding: 'utf8',
        env: { ...process.env, XDG_RUNTIME_DIR: folder },
      });
      expect(`${verified.stdout}${verified.stderr}`.split('\n').filter((line) => line.includes('satchel.service'))).toEqual([]);
      expect(verified.status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('lies where systemd looks', () => {
    expect(createSystemdKind('/home/ada/.config').file).toBe('/home/ada/.config/systemd/user/satchel.service');
  });
});

describe('launchdAgent', () => {
  it.runIf(hasPlistLib).each([
    ['plain', plain],
    ['odd', odd],
  ])('is a property list that says what it should: %s', (_, program) => {
    const script = 'import plistlib,sys,json; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
    const parsed: unknown = JSON.parse(execFileSync('python3', ['-c', script], { input: launchdAgent(program), encoding: 'utf8' }));
    expect(parsed).toMatchObject({
      Label: 'org.satchel.node',
      ProgramArguments: [program.node, '--max-semi-space-size=4', '--min-semi-space-size=4', '--no-memory-reducer', program.script, 'up'],
      EnvironmentVariables: program.variables,
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      Umask: 0o077,
      StandardErrorPath: `${program.logFolder}/service.log`,
    });
  });

  it('escapes for XML, and lies where launchd looks', () => {
    expect(launchdAgent(odd)).toContain('tools &amp; &lt;more&gt;/');
    expect(createLaunchdKind('/Users/ada', 501).file).toBe('/Users/ada/Library/LaunchAgents/org.satchel.node.plist');
  });
});
