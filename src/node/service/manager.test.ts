import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLaunchdKind } from './launchd.ts';
import { createServiceManager } from './manager.ts';
import { createSystemdKind } from './systemd.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel-service-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A service manager that is there or not, and remembers what was asked of it. */
function setup({ running = true, failing = '', kindName = 'systemd', script = '/opt/main.js' } = {}) {
  const kind = kindName === 'systemd' ? createSystemdKind(folder) : createLaunchdKind(folder, 501);
  const ran: string[] = [];
  const state = { active: false };
  const program = { node: '/usr/bin/node', script, variables: {}, logFolder: path.join(folder, 'log') };
  const manager = createServiceManager({
    kind,
    program,
    async run(command) {
      const line = command.join(' ');
      if (line === kind.isRunning().join(' ')) return { code: running ? 0 : 1, stderr: '' };
      if (line === kind.isActive().join(' ')) return { code: state.active ? 0 : 3, stderr: '' };
      ran.push(
        command
          .filter((word) => !word.startsWith('--'))
          .slice(1, 2)
          .join(''),
      );
      if (failing !== '' && line.includes(failing)) return { code: 1, stderr: 'Access denied\n' };
      if (/ (start|restart|bootstrap)\b/.test(line)) state.active = true;
      if (/ (disable|bootout)\b/.test(line)) state.active = false;
      return { code: 0, stderr: '' };
    },
  });
  return { manager, ran, state, kind };
}

describe('createServiceManager', () => {
  it('installs, says so, installs again without a change, and removes without a trace', async () => {
    const { manager, ran, kind } = setup();
    expect(await manager.status()).toMatchObject({ unit: 'absent', active: false });
    expect(await manager.install({ replace: false })).toMatchObject({ ok: true, value: { written: 'new', notStarted: null } });
    expect(ran).toEqual(['daemon-reload', 'enable', 'start']);
    const before = await stat(kind.file);
    expect(await manager.install({ replace: false })).toMatchObject({ ok: true, value: { written: 'kept', notStarted: null } });
    expect((await stat(kind.file)).ino).toBe(before.ino);
    expect(await manager.status()).toMatchObject({ unit: 'current', active: true });
    expect(await manager.remove()).toMatchObject({ ok: true, value: { removed: true, notStopped: null } });
    expect(await manager.remove()).toMatchObject({ ok: true, value: { removed: false } });
    expect(await readdir(path.dirname(kind.file))).toEqual([]);
  });

  it('restarts a service whose file changed', async () => {
    await setup().manager.install({ replace: false });
    const { manager, ran, state } = setup({ script: '/opt/new/main.js' });
    state.active = true;
    expect(await manager.status()).toMatchObject({ unit: 'outdated' });
    expect(await manager.install({ replace: false })).toMatchObject({ value: { written: 'changed' } });
    expect(ran).toEqual(['daemon-reload', 'enable', 'restart']);
  });

  it('does not boot a running launch agent a second time', async () => {
    const { manager, ran } = setup({ kindName: 'launchd' });
    await manager.install({ replace: false });
    expect(await manager.install({ replace: false })).toMatchObject({ value: { written: 'kept', notStarted: null } });
    expect(ran).toEqual(['bootstrap']);
    expect((await stat(path.join(folder, 'log'))).mode & 0o777).toBe(0o700);
    await manager.remove();
    expect(ran).toEqual(['bootstrap', 'bootout']);
  });

  it('plans without changing anything', async () => {
    const { manager, ran, kind } = setup();
    expect(await manager.plan()).toMatchObject({ file: kind.file, text: expect.stringContaining('ExecStart='), commands: [{}, {}, {}] });
    expect(ran).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves a file alone that it did not write, and moves it aside only when told to', async () => {
    const { manager, ran, kind } = setup();
    await mkdir(path.dirname(kind.file), { recursive: true });
    await writeFile(kind.file, '[Service]\nExecStart=/mine\n');
    expect(await manager.status()).toMatchObject({ unit: 'foreign' });
    expect(await manager.install({ replace: false })).toEqual({ ok: false, error: { type: 'foreign-unit', file: kind.file } });
    expect(await manager.remove()).toMatchObject({ ok: false });
    expect(await readFile(kind.file, 'utf8')).toBe('[Service]\nExecStart=/mine\n');
    expect(ran).toEqual([]);
    const replaced = await manager.install({ replace: true });
    expect(replaced).toMatchObject({ value: { written: 'new', movedTo: `${kind.file}.before-satchel` } });
    expect(await readFile(`${kind.file}.before-satchel`, 'utf8')).toBe('[Service]\nExecStart=/mine\n');
  });

  it('never writes through a link', async () => {
    const { manager, kind } = setup();
    await mkdir(path.dirname(kind.file), { recursive: true });
    await symlink(path.join(folder, 'elsewhere'), kind.file);
    expect(await manager.install({ replace: false })).toMatchObject({ ok: false });
    expect(await readdir(folder)).toEqual(['systemd']);
  });

  it('writes the file and says what to run where no service manager runs', async () => {
    const { manager, ran, kind } = setup({ running: false });
    const installed = await manager.install({ replace: false });
    expect(installed).toMatchObject({
      value: { written: 'new', notStarted: { reason: 'systemd does not run for this user here', commands: [{}, {}, {}] } },
    });
    expect(await readFile(kind.file, 'utf8')).toContain('ExecStart=');
    expect(await manager.status()).toMatchObject({ unit: 'current', active: null });
    expect(ran).toEqual([]);
    expect(await manager.remove()).toMatchObject({
      value: { removed: true, notStopped: { reason: expect.stringContaining('does not run') } },
    });
  });

  it('says which command failed, why, and what is left to run', async () => {
    const { manager } = setup({ failing: 'enable' });
    expect(await manager.install({ replace: false })).toMatchObject({
      value: {
        notStarted: {
          reason: 'systemctl --user enable satchel.service failed: Access denied',
          commands: [{ 2: 'enable' }, { 2: 'start' }],
        },
      },
    });
  });
});
