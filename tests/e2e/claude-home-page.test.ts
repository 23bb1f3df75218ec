import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CATEGORIES, INVENTORY } from '../../src/kinds/claude-home/inventory.ts';
import { locate } from '../../src/kinds/claude-home/locate.ts';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { Machine, makeRoot, until } from './machine.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/claude-home.md'), 'utf8');
const section = (title: string): string => page.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
const commands = [...page.matchAll(/^ {4}satchel (.*)$/gm)].map(([, line]) => line ?? '');
/** Names in backticks, as a file of the Claude home: `rules/` is any file below. */
const named = (text: string): string[] =>
  [...text.matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => (name.endsWith('/') ? `${name}x/x/x` : name.replaceAll('*', 'x')));

describe('docs/claude-home.md', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const session = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

  beforeAll(async () => {
    const cwd = path.join(ana.home, 'work', 'app');
    mkdirSync(cwd, { recursive: true });
    const line = `${JSON.stringify({ type: 'user', cwd: realpathSync(cwd), sessionId: session, message: { role: 'user', content: 'the login bug' } })}\n`;
    ana.write(`projects/${projectFolder(realpathSync(cwd))}/${session}.jsonl`, line);
    ana.write('plans/next.md', 'first\n');
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    await until('bea has the first plan', () => bea.read('plans/next.md') === 'first\n');
    ana.write('plans/next.md', 'second\n');
    for (const name of ['agents/a.md', 'agents/b.md']) ana.write(name, 'Do.\n');
    await until('bea is asked', async () => (await bea.ask<{ pending: unknown[] }>(['pending'])).pending.length === 2);
    await until('bea has the second plan', () => bea.read('plans/next.md') === 'second\n');
    mkdirSync(path.join(bea.home, 'code', 'app'), { recursive: true });
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it('names what is carried, and nothing that is not', () => {
    const names = section('What is carried')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => named(line.split('|')[1] ?? ''));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => locate(name).type !== 'carried')).toEqual([]);
    const lines = INVENTORY.filter((row) => row.class !== 'never').map(({ pattern }) => pattern.split('/')[0] ?? '');
    for (const first of new Set(lines)) expect(names.map((name) => name.split('/')[0])).toContain(first);
  });

  it('names what stays, and nothing that is carried', () => {
    const [stays = ''] = section('What stays').split('\n\n`claude` in');
    const names = named(stays).filter((name) => name !== '.claude.json');
    expect(names.length).toBeGreaterThan(14);
    expect(names.filter((name) => locate(name).type !== 'local')).toEqual([]);
  });

  it('names the categories, and a configuration that holds', async () => {
    const listed = /The categories are ([^]*?)\. What/.exec(section('What stays'))?.[1] ?? '';
    expect([...listed.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)).toEqual(CATEGORIES);
    const [, example = ''] = /```json\n([^]*?)```/.exec(page) ?? [];
    const cem = new Machine(root, 'cem', inject('program'));
    mkdirSync(cem.store, { mode: 0o700 });
    writeFileSync(path.join(cem.store, 'config.json'), example, { mode: 0o600 });
    expect((await cem.runAsking(['doctor'])).stderr).toBe('');
  });

  it('has commands that do what they say, in their order', async () => {
    expect(commands.length).toBeGreaterThan(14);
    for (const line of commands) {
      const { pending } = await bea.ask<{ pending: { id: string }[] }>(['pending']);
      const args = line
        .replace('3f9a12cd', pending[0]?.id.slice(0, 8) ?? 'nothing waits')
        .replace('~', bea.home)
        .split(' ');
      if (line.startsWith('leave')) args.push('--yes');
      const { code, stderr } = await bea.run(args);
      // 3: something waits, or is in conflict.
      expect([line, stderr, [0, 3].includes(code ?? 1)]).toEqual([line, '', true]);
      if (line === 'restore plans/next.md') expect(bea.read('plans/next.md')).toBe('first\n');
      if (line === 'approve --all') expect([bea.read('agents/a.md'), bea.read('agents/b.md')]).toEqual(['Do.\n', 'Do.\n']);
      if (line.startsWith('projects map'))
        expect(bea.read(`projects/${projectFolder(realpathSync(path.join(bea.home, 'code', 'app')))}/${session}.jsonl`)).toContain('login');
      if (line === 'sessions login bug') expect((await bea.run(args)).stdout).toContain('1b4e28ba');
    }
    expect(bea.read('plans/next.md')).toBe('first\n');
  });
});
