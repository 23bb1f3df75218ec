import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { folderState } from './folder-state.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('leaving, with the service installed', () => {
  const { root, remove } = makeRoot();
  const bin = path.join(root, 'bin');
  const asked = path.join(root, 'systemctl.log');
  // A stub, since where tests run there is no systemd of the user: it writes down what it is asked, and says yes.
  const stub = `#!/bin/sh\necho "$*" >> '${asked}'\ncase "$*" in *is-active*) exit "$(cat '${root}/active')";; esac\n`;
  const env = { PATH: `${bin}:${process.env['PATH']}` };
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'), env)) as [Machine, Machine];
  const unit = (machine: Machine): string => path.join(machine.home, '.config/systemd/user/satchel.service');
  const systemctl = (): string[] => readFileSync(asked, 'utf8').trim().split('\n');

  beforeAll(async () => {
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'systemctl'), stub, { mode: 0o755 });
    writeFileSync(path.join(root, 'active'), '3');
    ana.write('CLAUDE.md', 'shared\n');
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'shared\n');
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((m) => m.kill()));
    remove();
  });

  it('installs it: a unit of this user, enabled and started', async () => {
    expect((await bea.run(['service', 'status'])).code).toBe(1);
    const dry = await bea.run(['service', 'install', '--dry-run']);
    expect(dry.stdout).toContain('ExecStart=');
    expect(existsSync(unit(bea))).toBe(false);
    const installed = await bea.run(['service', 'install']);
    expect([installed.code, installed.stdout]).toEqual([0, expect.stringContaining(unit(bea))]);
    expect(systemctl()).toEqual(expect.arrayContaining([expect.stringMatching(/--user.*enable/), expect.stringMatching(/--user.*start/)]));
    const text = readFileSync(unit(bea), 'utf8');
    expect(text).toContain(inject('program'));
    expect(text).toContain(`SATCHEL_HOME=${bea.store}`);
    writeFileSync(path.join(root, 'active'), '0');
    expect((await bea.run(['service', 'status'])).stdout).toBe('Runs.\n');
  });

  it('asks first, and says what would be lost', async () => {
    const refused = await bea.run(['leave']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('satchel leave --yes')]);
    const host = await ana.run(['leave', '--yes']);
    expect([host.code, host.stderr]).toEqual([5, expect.stringMatching(/its log is ordered here[^]*--discard/)]);
    // Each remedy is what was given, and more: by these steps one gets there.
    const purge = await ana.run(['leave', '--purge']);
    expect([purge.code, purge.stderr]).toEqual([5, expect.stringMatching(/: satchel leave --purge --discard\n/)]);
    const unasked = await ana.run(['leave', '--purge', '--discard']);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringMatching(/Run: satchel leave --purge --discard --yes\n/)]);
    expect(unasked.stdout).toMatch(/^Would be lost: /);
    expect(existsSync(path.join(ana.store, 'store.db'))).toBe(true);
    expect(existsSync(unit(bea))).toBe(true);
    expect((await bea.runAsking(['status'])).code).toBe(0);
  });

  it('leaves: the service, the node and the unfinished writes go; files and history stay; the others see it', async () => {
    const mine = folderState(bea.claude);
    const left = await bea.run(['leave', '--yes']);
    expect([left.code, left.stderr]).toEqual([0, '']);
    expect(left.stdout).toMatch(/Left personal; the others see it\.\nRemoved the service\./);
    expect(existsSync(unit(bea))).toBe(false);
    expect(systemctl().some((line) => line.includes('disable'))).toBe(true);
    expect(folderState(bea.claude)).toEqual(mine);
    expect(readdirSync(bea.store)).not.toContain('running.json');
    expect(readdirSync(bea.store)).toContain('store.db');
    await until('ana sees it', async () => (await ana.runAsking(['machines'])).stdout.includes('bea (left)'));
    bea.write('CLAUDE.md', 'mine alone\n');
    expect((await bea.runAsking(['sync'])).stdout).toContain('No space here yet');
    expect(ana.read('CLAUDE.md')).toBe('shared\n');
  });

  it('begins nothing by itself then: status says that it left, and up wants to be told', async () => {
    const status = await bea.runAsking(['status']);
    expect([status.code, status.stdout]).toEqual([
      1,
      expect.stringMatching(
        /^Not syncing: this machine left personal, [^]*satchel join[^]*satchel up --begin-anew[^]*satchel leave --purge/,
      ),
    ]);
    const up = await bea.run(['up', '--yes']);
    expect([up.code, up.stderr]).toEqual([
      5,
      expect.stringMatching(/this machine left personal[^]*satchel join LINK[^]*satchel up --begin-anew/),
    ]);
    expect((await bea.ask<{ spaces: readonly unknown[] }>(['spaces'])).spaces).toEqual([]);
  });

  it('joins again, and leaves without a trace', async () => {
    writeFileSync(path.join(root, 'active'), '3');
    const { link } = await ana.ask<{ link: string }>(['invite']);
    bea.write('CLAUDE.md', 'shared\n');
    await bea.start(['join', link, '--name', 'bea']);
    await bea.run(['service', 'install']);
    bea.write('rules/new.md', 'new\n');
    await until('ana has it', () => ana.read('rules/new.md') === 'new\n');
    const mine = folderState(bea.claude);
    const left = await bea.run(['leave', '--purge', '--yes']);
    expect([left.code, left.stderr]).toEqual([0, '']);
    expect(left.stdout).toContain(`Removed ${bea.store}.`);
    expect(folderState(bea.claude)).toEqual(mine);
    expect(existsSync(bea.store)).toBe(false);
    expect(folderState(path.join(bea.home, '.config')).filter((line) => !line.includes('/ '))).toEqual([]);
    expect(readdirSync(bea.home).toSorted()).toEqual(['.claude', '.config']);
  });

  it('begins anew when told to', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    expect((await bea.run(['join', link, '--name', 'bea', '--once'])).code).toBe(0);
    expect((await bea.run(['leave', '--yes'])).code).toBe(0);
    await bea.start(['up', '--begin-anew']);
    const { spaces } = await bea.ask<{ spaces: readonly { name: string }[] }>(['spaces']);
    expect(spaces.map(({ name }) => name)).toEqual(['personal']);
    await bea.stop();
  });
});
