import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { askClaude, installClaudeCode, runClaude } from './claude-code.ts';
import { startMockApi, type MockApi } from './mock-api.ts';

let place: Place;
let binary: string;
let api: MockApi;
beforeEach(async () => {
  [place, binary, api] = await Promise.all([Place.create(), installClaudeCode(), startMockApi()]);
}, 300_000);
afterEach(async () => {
  await api.close();
  await place.dispose();
});

const URL_OF_MARKETPLACE = 'https://example.com/market.git';

/** A marketplace with one plugin, cloned by git from this disk where its address is asked for. */
async function makeMarketplace(): Promise<string> {
  const work = path.join(place.root, 'market');
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(path.dirname(path.join(work, name)), { recursive: true });
    await writeFile(path.join(work, name), text);
  };
  const plugin = { name: 'hello', version: '1.0.0', description: 'Says hello' };
  await write(
    '.claude-plugin/marketplace.json',
    JSON.stringify({ name: 'market', owner: { name: 'x' }, plugins: [{ ...plugin, source: './hello' }] }),
  );
  await write('hello/.claude-plugin/plugin.json', JSON.stringify(plugin));
  await write('hello/commands/hi.md', '---\ndescription: Says hello\n---\nGreet the satchel warmly.\n');
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'init.defaultBranch=main', ...args], {
      cwd: work,
      stdio: 'ignore',
    });
  };
  git('init');
  git('add', '-A');
  git('commit', '-m', 'all');
  const bare = path.join(place.root, 'market.git');
  git('clone', '--bare', work, bare);
  return bare;
}

const claude = (machine: string, ...args: string[]): Promise<string> =>
  runClaude(binary, { home: place.home(machine), cwd: place.home(machine), api: api.url }, args);

const sync = async (...nodes: SatchelNode[]): Promise<void> => {
  for (const node of nodes) await ask(node, 'sync', {});
};

async function two(): Promise<{ a: SatchelNode; b: SatchelNode }> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  return { a, b };
}

it('a plugin that was installed on one machine loads on the other, once it was approved', async () => {
  const bare = await makeMarketplace();
  const { a, b } = await two();
  for (const machine of ['a', 'b']) {
    await writeFile(path.join(place.home(machine), '.gitconfig'), `[url "${bare}"]\n\tinsteadOf = ${URL_OF_MARKETPLACE}\n`);
  }
  await claude('a', 'plugin', 'marketplace', 'add', URL_OF_MARKETPLACE);
  await claude('a', 'plugin', 'install', 'hello@market');
  await sync(a, b);
  expect(await claude('b', 'plugin', 'list', '--json')).toBe('[]\n');

  await ask(b, 'answer-pending', { answer: 'approve', all: true });
  await sync(b);
  await ask(b, 'answer-pending', { answer: 'approve', all: true });
  const installPath = path.join(place.home('b'), '.claude', 'plugins', 'cache', 'market', 'hello', '1.0.0');
  expect(JSON.parse(await claude('b', 'plugin', 'list', '--json'))).toMatchObject([{ id: 'hello@market', enabled: true, installPath }]);

  // It does load: its command is what the model is asked.
  await askClaude(binary, { home: place.home('b'), cwd: place.home('b'), api: api.url }, ['/hello:hi']);
  expect(JSON.stringify(api.requests.map(({ messages }) => messages))).toContain('Greet the satchel warmly.');

  // And it updates there, although no repository travelled with it.
  await claude('b', 'plugin', 'marketplace', 'update', 'market');
  await sync(b, a);
  expect(existsSync(path.join(place.home('b'), '.claude', 'plugins', 'marketplaces', 'market', '.git'))).toBe(true);
  expect((await ask(a, 'status', {})).spaces[0]).toMatchObject({ conflicts: 0 });
  expect(JSON.parse(await claude('a', 'plugin', 'list', '--json'))).toMatchObject([{ id: 'hello@market', enabled: true }]);
}, 300_000);

it('a hook of one machine runs on the other once it was approved, and not before', async () => {
  const { a, b } = await two();
  const script = path.join(place.home('a'), '.claude', 'hooks', 'note.sh');
  await place.write('a', '#!/bin/sh\necho ran >> "$HOME/ran"\n', 'hooks/note.sh');
  await chmod(script, 0o755);
  const hook = { hooks: [{ type: 'command', command: script }] };
  await place.write('a', `${JSON.stringify({ hooks: { UserPromptSubmit: [hook] } })}\n`, 'settings.json');
  await sync(a, b);
  const prompt = async (machine: string): Promise<string | null> => {
    await askClaude(binary, { home: place.home(machine), cwd: place.home(machine), api: api.url }, ['hello']);
    const file = path.join(place.home(machine), 'ran');
    return existsSync(file) ? readFile(file, 'utf8') : null;
  };
  expect([await prompt('a'), await prompt('b')]).toEqual(['ran\n', null]);
  await ask(b, 'answer-pending', { answer: 'approve', all: true });
  expect(await prompt('b')).toBe('ran\n');
}, 300_000);
