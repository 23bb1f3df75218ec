import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { folderState } from './folder-state.ts';
import { Machine, makeRoot } from './machine.ts';

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly path: string;
  readonly what: string;
  readonly items: readonly { readonly item: string; readonly change: string }[];
}

const SECRET = { ana: 'ghp_Zx9kQ2mW7rT4yU1iO8pA5sD6fG3hJ0kLmN12', bea: 'ghp_Aa1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tUvW34' };
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const session = (n: number): string => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`;

describe('a machine with a Claude home of its own joins, and leaves again', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  /** Every file of the machine but Satchel's own, with all that can be seen of it. */
  const state = (machine: Machine): string[] => folderState(machine.home).filter((line) => !line.startsWith('.satchel'));
  const filesOf = (machine: Machine): Map<string, string> => {
    const names = readdirSync(machine.claude, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const files = names.map((entry) => path.join(entry.parentPath, entry.name));
    return new Map(files.map((file) => [path.relative(machine.claude, file), readFileSync(file, 'utf8')]));
  };

  /** A checkout of one repository, wherever the machine has it. */
  const checkout = (machine: Machine, name: string): string => {
    const folder = path.join(machine.home, name);
    mkdirSync(path.join(folder, '.git'), { recursive: true });
    writeFileSync(path.join(folder, '.git', 'config'), '[remote "origin"]\n\turl = git@example.com:acme/app.git\n');
    return realpathSync(folder);
  };

  /** What both have in their own way. */
  const fill = (machine: Machine, name: 'ana' | 'bea', cwd: string, sessions: readonly number[]): void => {
    const inHome = (file: string): string => path.join(machine.claude, file);
    machine.write('CLAUDE.md', `As ${name} likes it.\n`);
    machine.write('keybindings.json', json({ same: 1, [name]: true }));
    machine.write('rules/same.md', 'the same\n');
    machine.write('hooks/guard.sh', '#!/bin/sh\nexit 0\n');
    machine.write(
      'settings.json',
      json({
        model: name,
        [name === 'ana' ? 'theme' : 'language']: 'x',
        env: { [`TOKEN_OF_${name.toUpperCase()}`]: SECRET[name] },
        permissions: { allow: [`Bash(${name}:*)`], deny: ['Bash(rm:*)', `Bash(no-${name}:*)`] },
        hooks: { Stop: [{ hooks: [{ type: 'command', command: inHome('hooks/guard.sh') }] }] },
      }),
    );
    const server = { command: path.join(machine.home, 'bin', 'server') };
    mkdirSync(path.dirname(server.command), { recursive: true });
    writeFileSync(server.command, '');
    writeFileSync(
      path.join(machine.home, '.claude.json'),
      json({ numStartups: 3, oauthAccount: { of: name }, mcpServers: { [name]: server } }),
    );
    for (const n of sessions)
      machine.write(
        `projects/${projectFolder(cwd)}/${session(n)}.jsonl`,
        `${JSON.stringify({ type: 'user', cwd, session: n, of: name })}\n`,
      );
    machine.write('history.jsonl', `${JSON.stringify({ display: `by ${name}`, timestamp: name === 'ana' ? 1 : 2, project: cwd })}\n`);
    machine.write('.credentials.json', json({ of: name }));
  };

  let before: string[] = [];
  let own: Map<string, string> = new Map();
  const [work, code] = [checkout(ana, 'work/app'), checkout(bea, 'code/app')];

  beforeAll(async () => {
    fill(ana, 'ana', work, [1, 2]);
    ana.write('skills/pdf/SKILL.md', 'Read PDFs.\n');
    ana.write('agents/reviewer.md', 'Review.\n');
    for (let n = 0; n < 20; n += 1) ana.write(`rules/of-ana/${n}.md`, `${n}\n`);
    await ana.start();

    fill(
      bea,
      'bea',
      code,
      Array.from({ length: 40 }, (_, n) => 100 + n),
    );
    for (let n = 0; n < 200; n += 1) bea.write(`rules/of-bea/${n}.md`, `${n}\n`);
    for (let n = 0; n < 30; n += 1) bea.write(`agents/${n}.md`, `agent ${n}\n`);
    for (let n = 0; n < 30; n += 1) bea.write(`unknown/${n}.bin`, `${n}`);
    expect(filesOf(bea).size).toBeGreaterThan(300);
    before = state(bea);
    own = filesOf(bea);
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  const pending = async (type: string): Promise<Entry[]> =>
    (await bea.ask<{ pending: Entry[] }>(['pending'])).pending.filter((entry) => entry.type === type);

  it('changes no file by joining, and says what it would', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    const joined = await bea.run(['join', link, '--once', '--name', 'bea']);
    expect([joined.code, joined.stdout]).toEqual([3, expect.stringContaining('satchel pending')]);
    expect(state(bea)).toEqual(before);
    const [entry] = (await pending('first-apply')).filter(({ path: at }) => at === bea.claude);
    expect(entry?.what).toContain(`where its folder ${code} has them`);
    expect(entry?.what).toMatch(/writes 22 new files, merges 2 of yours, replaces 2 of yours where they could not be merged/);
  });

  it('shows what it would change without any secret, unless they are asked for', async () => {
    const { stdout } = await bea.runAsking(['pending', '--diff']);
    expect(stdout).toContain('"TOKEN_OF_BEA": "‹secret 1›"');
    expect(stdout).toMatch(/hidden\. With them: satchel pending [0-9a-f]{8} --secrets/);
    for (const secret of Object.values(SECRET)) expect(stdout).not.toContain(secret);
    const [entry] = await pending('first-apply');
    const asked = await bea.runAsking(['pending', entry?.id ?? '', '--secrets']);
    expect(asked.stdout).toContain(SECRET.bea);
    expect(asked.stdout).not.toContain('‹secret');
  });

  it('does exactly what the preview says, with a copy of all that changed', async () => {
    const entries = await pending('first-apply');
    const items = entries.filter(({ path: at }) => at === bea.claude).flatMap((entry) => entry.items);
    const named = (change: string): string[] => items.filter((item) => item.change === change).map(({ item }) => item);
    for (const { id } of entries) expect((await bea.runAsking(['approve', id])).code).toBe(3);
    const now = filesOf(bea);
    expect([...now.keys()].filter((name) => !own.has(name)).toSorted()).toEqual(named('new').toSorted());
    const changed = [...own].filter(([name, text]) => now.get(name) !== text).map(([name]) => name);
    expect(changed.toSorted()).toEqual(named('changed').toSorted());
    expect(changed.toSorted()).toEqual(['CLAUDE.md', 'history.jsonl', 'keybindings.json', 'settings.json']);
    const copies = path.join(bea.store, 'before-joining');
    const copy = readdirSync(copies).find((name) => name.startsWith('claude-2')) ?? '';
    for (const name of changed) expect(readFileSync(path.join(copies, copy, name), 'utf8')).toBe(own.get(name));
    // Of settings only what restricts, or runs nothing; a value that both have is the one of the space, and ours is a conflict.
    expect(JSON.parse(now.get('settings.json') ?? '')).toEqual({
      ...(JSON.parse(own.get('settings.json') ?? '') as object),
      model: 'ana',
      theme: 'x',
      permissions: { allow: ['Bash(bea:*)'], deny: ['Bash(rm:*)', 'Bash(no-bea:*)', 'Bash(no-ana:*)'] },
    });
    expect([now.has('skills/pdf/SKILL.md'), now.has('agents/reviewer.md')]).toEqual([false, false]);
  });

  it('leaves a Claude home that stands by itself', async () => {
    await bea.start();
    expect((await bea.runAsking(['approve', '--all'])).code).toBe(0);
    bea.write('rules/later.md', 'later\n');
    expect((await bea.runAsking(['sync'])).code).toBe(3); // CLAUDE.md and the model are open conflicts
    const stood = state(bea);
    const left = await bea.run(['leave', '--purge', '--yes']);
    expect([left.code, left.stderr]).toEqual([0, '']);
    expect(readdirSync(bea.store)).toEqual(['before-joining']);
    expect(state(bea)).toEqual(stood);

    const files = filesOf(bea);
    for (const [name, text] of own)
      if (!['CLAUDE.md', 'history.jsonl', 'keybindings.json', 'settings.json'].includes(name)) expect(files.get(name)).toBe(text);
    for (const [name, text] of files) {
      expect([name, text.includes('{{satchel'), name.includes('.satchel-tmp')]).toEqual([name, false, false]);
      if (name.endsWith('.json')) expect(() => JSON.parse(text) as unknown).not.toThrow();
    }
    // Nothing names the other machine's folders, and what is named of this one's is there.
    const claudeJson = readFileSync(path.join(bea.home, '.claude.json'), 'utf8');
    for (const text of [files.get('settings.json') ?? '', claudeJson]) {
      expect(text).not.toContain(ana.home);
      expect(text).not.toMatch(/\.satchel|\{\{satchel/);
    }
    const settings = JSON.parse(files.get('settings.json') ?? '') as { env: object; hooks: { Stop: { hooks: { command: string }[] }[] } };
    expect(settings.env).toEqual({ TOKEN_OF_BEA: SECRET.bea });
    for (const { hooks } of settings.hooks.Stop) for (const { command } of hooks) expect(existsSync(command)).toBe(true);
    expect(JSON.parse(claudeJson)).toEqual({
      numStartups: 3,
      oauthAccount: { of: 'bea' },
      mcpServers: { ana: { command: path.join(bea.home, 'bin', 'server') }, bea: { command: path.join(bea.home, 'bin', 'server') } },
    });
    expect(files.get('.credentials.json')).toBe(json({ of: 'bea' }));
    const sessions = [...files.keys()].filter((name) => name.endsWith('.jsonl') && name.startsWith('projects/'));
    expect(sessions.length).toBe(42);
    expect(new Set(sessions.map((name) => path.dirname(name)))).toEqual(new Set([`projects/${projectFolder(code)}`]));
    const prompts = (files.get('history.jsonl') ?? '')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { display: string; project: string });
    expect(prompts.map(({ display, project }) => [display, project])).toEqual([
      ['by ana', code],
      ['by bea', code],
    ]);
  });
});
