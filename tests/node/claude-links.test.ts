import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const dotfile = (name: string): string => path.join(place.home('a'), 'dotfiles', name);
const inHome = (name: string): string => path.join(place.home('a'), '.claude', name);
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Keeps a file in the dotfiles of machine a, with a link to it in its Claude home. */
async function keep(name: string, text: string): Promise<void> {
  for (const file of [dotfile(name), inHome(name)]) await mkdir(path.dirname(file), { recursive: true });
  await writeFile(dotfile(name), text);
  await symlink(dotfile(name), inHome(name));
}

const isLink = async (name: string): Promise<boolean> => (await lstat(inHome(name))).isSymbolicLink();

async function joined(): Promise<{ a: SatchelNode; b: SatchelNode }> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
  return { a, b };
}

describe('a Claude home whose files are links into a dotfiles repository', () => {
  it('is carried like any other, both ways, and the links stay', async () => {
    await keep('settings.json', json({ theme: 'dark' }));
    await keep('CLAUDE.md', 'of the dotfiles\n');
    await keep('agents/reviewer.md', 'Review.\n');
    await keep('skills/pdf/SKILL.md', 'unused');
    await rm(inHome('skills/pdf'), { recursive: true });
    await symlink(dotfile('skills/pdf'), inHome('skills/pdf'));
    const { a, b } = await joined();
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual({ theme: 'dark' });
    for (const [name, text] of [
      ['CLAUDE.md', 'of the dotfiles\n'],
      ['agents/reviewer.md', 'Review.\n'],
      ['skills/pdf/SKILL.md', 'unused'],
    ] as const) {
      expect(await place.read('b', name)).toBe(text);
    }

    await place.write('b', json({ theme: 'light', verbose: true }), 'settings.json');
    await place.write('b', 'of b\n');
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(JSON.parse(await readFile(dotfile('settings.json'), 'utf8'))).toEqual({ theme: 'light', verbose: true });
    expect(await readFile(dotfile('CLAUDE.md'), 'utf8')).toBe('of b\n');
    expect([await isLink('settings.json'), await isLink('CLAUDE.md')]).toEqual([true, true]);
    expect(await readlink(inHome('CLAUDE.md'))).toBe(dotfile('CLAUDE.md'));
    expect((await ask(a, 'status', {})).spaces[0]?.sources.flatMap(({ skipped }) => skipped)).toEqual([]);
  });

  it('is watched where its files are, however they are written', async () => {
    await keep('CLAUDE.md', 'first\n');
    const { a } = await joined();
    await until('the first is captured', async () => (await ask(a, 'status', {})).spaces[0]?.items === 1);
    await writeFile(dotfile('CLAUDE.md'), 'second\n');
    const shown = async (): Promise<string> => (await ask(a, 'show', { item: 'CLAUDE.md' })).body;
    await until('a write in place is captured', async () => (await shown()) === 'second\n');
    await writeFile(dotfile('fresh'), 'third\n');
    await rename(dotfile('fresh'), dotfile('CLAUDE.md'));
    await until('another file in its place is captured', async () => (await shown()) === 'third\n');
  });

  it('loses nothing while the repository is away', async () => {
    await keep('settings.json', json({ theme: 'dark' }));
    await keep('CLAUDE.md', 'of the dotfiles\n');
    const { a, b } = await joined();
    for (const node of [a, b]) await ask(node, 'sync', {});
    await rename(path.dirname(dotfile('x')), `${path.dirname(dotfile('x'))}-away`);
    await a.spaces.values().next().value?.sources[0]?.source.scan(['CLAUDE.md', 'settings.json']);
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(await place.read('b')).toBe('of the dotfiles\n');
    expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual({ theme: 'dark' });
    const [source] = (await ask(a, 'status', {})).spaces[0]?.sources ?? [];
    expect(source?.skipped).toEqual([
      { item: 'CLAUDE.md', reason: expect.stringContaining('leads nowhere') as string, mendable: false },
      { item: 'settings.json', reason: expect.stringContaining('leads nowhere') as string, mendable: false },
    ]);
    await place.write('b', 'of b meanwhile\n');
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect([await isLink('CLAUDE.md'), (await ask(a, 'status', {})).spaces[0]?.conflicts]).toEqual([true, 0]);
    await rename(`${path.dirname(dotfile('x'))}-away`, path.dirname(dotfile('x')));
    await until('it is put in place', async () => (await readFile(dotfile('CLAUDE.md'), 'utf8')) === 'of b meanwhile\n');
    await ask(b, 'sync', {});
    expect(await place.read('b')).toBe('of b meanwhile\n');
  });

  it('loses its link, and no file of the repository, where another machine deletes', async () => {
    await keep('rules/old.md', 'kept\n');
    const { a, b } = await joined();
    for (const node of [a, b]) await ask(node, 'sync', {});
    await rm(path.join(place.home('b'), '.claude', 'rules/old.md'));
    for (const node of [b, a]) await ask(node, 'sync', {});
    await expect(lstat(inHome('rules/old.md'))).rejects.toThrow('ENOENT');
    expect(await readFile(dotfile('rules/old.md'), 'utf8')).toBe('kept\n');
  });

  it.each(['dotfiles/claude.json', 'absolute'])('has its MCP servers in a .claude.json that is a link too: %s', async (target) => {
    await mkdir(path.dirname(dotfile('x')), { recursive: true });
    await writeFile(dotfile('claude.json'), json({ numStartups: 1, mcpServers: { a: { command: 'a' } } }));
    const link = path.join(place.home('a'), '.claude.json');
    await symlink(target === 'absolute' ? dotfile('claude.json') : target, link);
    const { a, b } = await joined();
    await ask(a, 'answer-pending', { answer: 'approve', trust_own: true });
    for (const node of [a, b]) await ask(node, 'sync', {});
    const there = path.join(place.home('b'), '.claude.json');
    expect(JSON.parse(await readFile(there, 'utf8'))).toEqual({ mcpServers: { a: { command: 'a' } } });
    await writeFile(there, json({ mcpServers: { a: { command: 'a' }, b: { command: 'b' } } }));
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(JSON.parse(await readFile(dotfile('claude.json'), 'utf8'))).toEqual({
      numStartups: 1,
      mcpServers: { a: { command: 'a' }, b: { command: 'b' } },
    });
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  it('keeps a copy of what the first apply changes there', async () => {
    const b = await place.start('b');
    await place.write('b', json({ of: 'b' }), 'keybindings.json');
    await ask(b, 'sync', {});
    await keep('keybindings.json', json({ of: 'a' }));
    const a = await place.start('a', { live: false });
    await ask(a, 'join', { link: (await ask(b, 'invite', {})).link, name: 'ay' });
    expect(await readFile(dotfile('keybindings.json'), 'utf8')).toBe(json({ of: 'a' }));
    await ask(a, 'answer-pending', { answer: 'approve', all: true });
    expect(await readFile(dotfile('keybindings.json'), 'utf8')).toBe(json({ of: 'b' }));
    const copies = path.join(a.home.root, 'before-joining');
    expect(await readFile(path.join(copies, (await readdir(copies))[0] ?? '', 'keybindings.json'), 'utf8')).toBe(json({ of: 'a' }));
  });
});

describe('a link that came with something', () => {
  it('is not followed, and what is to be done is said', async () => {
    await mkdir(dotfile('.ssh'), { recursive: true });
    await writeFile(dotfile('.ssh/id'), 'the key');
    await place.write('a', 'Do.\n', 'skills/cloned/SKILL.md');
    await symlink(dotfile('.ssh/id'), inHome('skills/cloned/reference.md'));
    await symlink(dotfile('.ssh'), inHome('skills/cloned/keys'));
    await mkdir(inHome('plugins/marketplaces/mp'), { recursive: true });
    await symlink(dotfile('.ssh'), inHome('plugins/marketplaces/mp/keys'));
    const { a, b } = await joined();
    for (const node of [a, b]) await ask(node, 'sync', {});
    const [open] = b.spaces.values();
    expect((await open?.replica.list())?.map(({ item }) => item.name).filter((name) => !name.startsWith('.satchel/'))).toEqual([
      'skills/cloned/SKILL.md',
    ]);
    const [source] = (await ask(a, 'status', {})).spaces[0]?.sources ?? [];
    expect(source?.skipped.find(({ item }) => item === 'skills/cloned/reference.md')?.reason).toContain('Put the file itself here');
    const check = (await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'source:claude.skipped');
    expect(check?.evidence.join('\n')).toContain('skills/cloned/reference.md: is a link to a file elsewhere');
  });

  it('and one in the Claude home to what is not carried is carried as what it leads to', async () => {
    await place.write('a', 'shared\n', 'my-notes/all.md');
    await symlink('my-notes/all.md', inHome('CLAUDE.md'));
    await place.write('a', 'Review.\n', 'rules/one.md');
    await symlink('one.md', inHome('rules/two.md'));
    const { a, b } = await joined();
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(await place.read('b')).toBe('shared\n');
    expect((await lstat(path.join(place.home('b'), '.claude/CLAUDE.md'))).isFile()).toBe(true);
    expect(await readlink(path.join(place.home('b'), '.claude/rules/two.md'))).toBe('one.md');
  });
});
