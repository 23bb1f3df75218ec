import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

interface Pending {
  readonly pending: readonly { readonly id: string; readonly path: string; readonly type: string }[];
}

describe('consent on the command line', () => {
  const { root, remove } = makeRoot();
  const [ana, bea, cem] = ['ana', 'bea', 'cem'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'of ana\n');
    ana.write('skills/deploy/SKILL.md', 'Deploy.\n');
    ana.write('settings.json', '{"theme":"dark","permissions":{"deny":["Bash(curl:*)"],"allow":["Bash(ls)"]}}\n');
    await ana.start();
    bea.write('CLAUDE.md', 'of bea\n');
  });

  afterAll(async () => {
    await Promise.all([ana, bea, cem].map((machine) => machine.kill()));
    remove();
  });

  const link = async (): Promise<string> => (await ana.ask<{ link: string }>(['invite'])).link;
  const idOf = async (machine: Machine, wanted: string): Promise<string> =>
    (await machine.ask<Pending>(['pending'])).pending.find((entry) => entry.path.includes(wanted))?.id.slice(0, 8) ?? '';

  it('joins without writing over anything, and says what waits', async () => {
    const joined = await bea.run(['join', await link(), '--once', '--name', 'bea']);
    expect([joined.code, joined.stdout.includes('wait for your answer. Run: satchel pending')]).toEqual([3, true]);
    expect([bea.read('CLAUDE.md'), bea.read('settings.json')]).toEqual(['of bea\n', null]);
    const pending = await bea.runAsking(['pending']);
    expect([pending.code, pending.stdout.includes('replaces 1 of yours')]).toEqual([3, true]);
    expect((await bea.runAsking(['status'])).code).toBe(3);
  });

  it('puts in place what is approved, one by one, and says what is left', async () => {
    const first = await bea.runAsking(['approve', await idOf(bea, '.claude')]);
    expect([first.code, bea.read('CLAUDE.md')]).toEqual([3, 'of ana\n']);
    const [, copy = ''] = /A copy of what changed here is in (\S+before-joining\S+)\n/.exec(first.stdout) ?? [];
    expect(readFileSync(path.join(copy, 'CLAUDE.md'), 'utf8')).toBe('of bea\n');
    expect(first.stdout).toMatch(/1 conflict is open[^]*satchel conflicts/);
    expect(JSON.parse(bea.read('settings.json') ?? '')).toEqual({ theme: 'dark', permissions: { deny: ['Bash(curl:*)'] } });
    const shown = await bea.runAsking(['pending', await idOf(bea, 'deploy')]);
    expect([shown.code, shown.stdout.includes('+Deploy.')]).toEqual([3, true]);
    expect(bea.read('skills/deploy/SKILL.md')).toBeNull();
    const all = await bea.runAsking(['approve', '--all']);
    expect([all.code, bea.read('skills/deploy/SKILL.md')]).toEqual([0, 'Deploy.\n']);
    expect((await bea.runAsking(['pending'])).code).toBe(0);
    expect(existsSync(path.join(bea.store, 'before-joining'))).toBe(true);
  });

  it('asks while it runs too, and puts in place unasked where one’s own machines are trusted', async () => {
    await bea.start();
    await cem.start(['join', await link(), '--name', 'cem', '--trust-own']);
    await until('cem has it unasked', () => cem.read('skills/deploy/SKILL.md') === 'Deploy.\n');
    ana.write('agents/reviewer.md', 'Review.\n');
    await until('cem has it unasked', () => cem.read('agents/reviewer.md') === 'Review.\n');
    await until('bea is asked', async () => (await idOf(bea, 'reviewer')) !== '');
    expect(bea.read('agents/reviewer.md')).toBeNull();
    expect((await bea.runAsking(['reject', await idOf(bea, 'reviewer')])).code).toBe(0);
    expect((await bea.runAsking(['approve', '--trust-own'])).code).toBe(0);
    expect(bea.read('agents/reviewer.md')).toBeNull();
    ana.write('agents/writer.md', 'Write.\n');
    await until('bea has it unasked', () => bea.read('agents/writer.md') === 'Write.\n');
  });
});
