import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

async function two({ live = false } = {}): Promise<{ a: SatchelNode; b: SatchelNode }> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  if (!live) return { a, b };
  await place.stop('b');
  return { a, b: await place.start('b') };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const settingsOf = async (machine: string): Promise<Record<string, unknown>> =>
  JSON.parse(await place.read(machine, 'settings.json')) as Record<string, unknown>;
const names = async (node: SatchelNode): Promise<string[]> => {
  const [open] = node.spaces.values();
  return ((await open?.replica.list()) ?? []).map(({ item }) => item.name).filter((name) => !name.startsWith('.satchel/'));
};

/** What a hook of a plugin may be: it needs nothing but Node. Tells the node that there is something to do, does not wait until it is done, and prints what that took, ms. */
const HOOK = `
  const { readFileSync } = require('node:fs');
  const { request } = require('node:http');
  const began = performance.now();
  const { address } = JSON.parse(readFileSync(process.argv[1] + '/running.json', 'utf8'));
  const authorization = 'Bearer ' + readFileSync(process.argv[1] + '/api-token', 'utf8').trim();
  const headers = { authorization, 'content-type': 'application/json' };
  request(address + '/v1/node/sync', { method: 'POST', headers })
    .end('{}', () => { console.log(performance.now() - began); process.exit(); });
`;

describe('what others got wrong', () => {
  it('credentials, locks and live state are not even captured', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    for (const name of [
      '.credentials.json',
      'settings.local.json',
      'ide/1.lock',
      'history.jsonl.lock',
      'statsig/x',
      'backups/.claude.json.backup.1',
      'sessions/4.json',
    ])
      await place.write('a', '{"secret": "never"}\n', name);
    await place.write('a', '{}\n', 'settings.json');
    await ask(a, 'sync', {});
    expect(await names(a)).toEqual(['settings.json']);
    expect((await ask(a, 'status', {})).spaces[0]?.sources[0]?.unknown).toEqual([]);
  });

  it('a conflict leaves a live settings.json that is JSON, with the log’s value, and keeps the other', async () => {
    const { a, b } = await two();
    await place.write('a', json({ model: 'first', theme: 'light' }), 'settings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await place.write('a', json({ model: 'of a', theme: 'light' }), 'settings.json');
    await place.write('b', json({ model: 'of b', theme: 'dark' }), 'settings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    for (const machine of ['a', 'b']) expect(await settingsOf(machine)).toEqual({ model: 'of a', theme: 'dark' });
    const { conflicts } = await ask(a, 'conflicts', {});
    expect(conflicts).toMatchObject([{ item: 'settings.json' }]);
    const kept = async () =>
      (await ask(a, 'log', { item: 'settings.json' })).commits.flatMap(({ changes }) => changes.flatMap((c) => c.conflict ?? []));
    expect(await kept()).toEqual(['open']);
    await ask(a, 'resolve', { item: 'settings.json', take: 'sibling' });
    expect(await kept()).toEqual(['settled']);
    await ask(a, 'sync', {});
    expect(await kept()).toEqual(['settled']);
  });

  it('transcripts of which one is the beginning of the other are no conflict, and the shorter never wins', async () => {
    await mkdir(path.join(place.root, 'shared', 'app'), { recursive: true });
    const cwd = await realpath(path.join(place.root, 'shared', 'app'));
    const lines = (session: number, count: number): string =>
      Array.from({ length: count }, (_, n) => `${json({ cwd, session, n }).replaceAll('\n', '')}\n`).join('');
    const name = (session: number): string =>
      `projects/${projectFolder(cwd)}/${String(session).padStart(8, '0')}-0000-4000-8000-000000000000.jsonl`;
    // The same 92 sessions, carried to both by other means: here one is ahead, there the other.
    for (let session = 0; session < 92; session += 1) {
      await place.write('a', lines(session, session % 2 === 0 ? 5 : 2), name(session));
      await place.write('b', lines(session, session % 3 === 0 ? 4 : 3), name(session));
    }
    const longest = (session: number): string => lines(session, session % 2 === 0 ? 5 : session % 3 === 0 ? 4 : 3);
    const { a, b } = await two();
    for (const node of [a, b, a, b]) await ask(node, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    for (const node of [a, b]) await ask(node, 'sync', {});
    for (const machine of ['a', 'b']) {
      for (let session = 0; session < 92; session += 1) expect(await place.read(machine, name(session))).toBe(longest(session));
      expect((await readdir(path.join(place.home(machine), '.claude/projects', projectFolder(cwd)))).length).toBe(92);
    }
    expect((await ask(a, 'conflicts', {})).conflicts).toEqual([]);
  });

  it('no marker of a conflict ever stands in a live file', async () => {
    const { a, b } = await two();
    for (const name of ['CLAUDE.md', 'agents/x.md', 'keybindings.json']) await place.write('a', '{"a": 1}\n', name);
    await ask(b, 'answer-pending', { answer: 'approve', trust_own: true });
    for (const node of [a, b]) await ask(node, 'sync', {});
    for (const name of ['CLAUDE.md', 'agents/x.md', 'keybindings.json']) {
      await place.write('a', '{"a": "of a"}\n', name);
      await place.write('b', '{"a": "of b"}\n', name);
    }
    for (const node of [a, b, a, b]) await ask(node, 'sync', {});
    for (const machine of ['a', 'b'])
      for (const name of ['CLAUDE.md', 'agents/x.md', 'keybindings.json']) expect(await place.read(machine, name)).toBe('{"a": "of a"}\n');
    expect((await ask(b, 'conflicts', {})).conflicts.map(({ item }) => item)).toEqual(
      expect.arrayContaining(['keybindings.json', 'CLAUDE.md', 'agents/x.md']),
    );
  });

  it('a plan that was changed on both is the later one, and the other is in its history', async () => {
    const { a, b } = await two();
    await place.write('a', 'first\n', 'plans/next.md');
    for (const node of [a, b]) await ask(node, 'sync', {});
    await place.write('a', 'of a\n', 'plans/next.md');
    await place.write('b', 'of b\n', 'plans/next.md');
    for (const node of [a, b, a]) await ask(node, 'sync', {});
    for (const machine of ['a', 'b']) expect(await place.read(machine, 'plans/next.md')).toBe('of b\n');
    expect((await ask(b, 'conflicts', {})).conflicts).toEqual([]);
    await ask(a, 'restore', { item: 'plans/next.md' });
    expect(await place.read('a', 'plans/next.md')).toBe('of a\n');
  });

  it('a machine whose home is empty, or was emptied, deletes nothing', async () => {
    const a = await place.start('a');
    for (let n = 0; n < 5; n += 1) await place.write('a', `${n}\n`, `rules/${n}.md`);
    await ask(a, 'sync', {});
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    for (const node of [b, a]) await ask(node, 'sync', {});
    const all = ['rules/0.md', 'rules/1.md', 'rules/2.md', 'rules/3.md', 'rules/4.md'];
    expect(await names(a)).toEqual(all);
    await rm(path.join(place.home('b'), '.claude'), { recursive: true });
    for (const node of [b, a]) await ask(node, 'sync', {});
    await mkdir(path.join(place.home('b'), '.claude'));
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(await names(a)).toEqual(all);
    expect(await place.read('a', 'rules/0.md')).toBe('0\n');
    expect((await ask(b, 'pending', {})).pending).toMatchObject([{ type: expect.stringMatching(/mass-deletion|root-missing/) as string }]);
    await ask(b, 'answer-pending', { answer: 'reject', all: true });
    expect(await place.read('b', 'rules/4.md')).toBe('4\n');
  });

  it('no folder of sessions comes to lie in itself', async () => {
    const folder = async (machine: string): Promise<string> => {
      await mkdir(path.join(place.home(machine), 'app'), { recursive: true });
      return realpath(path.join(place.home(machine), 'app'));
    };
    const [here, there] = [await folder('a'), await folder('b')];
    const session = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
    const line = `${JSON.stringify({ type: 'user', cwd: here })}\n`;
    await place.write('a', line, `projects/${projectFolder(here)}/${session}.jsonl`);
    await place.write('a', 'x', `projects/${projectFolder(here)}/${session}/tool-results/1.txt`);
    await place.write('a', 'x', `projects/${projectFolder(here)}/memory/MEMORY.md`);
    const { a, b } = await two();
    for (const node of [a, b, a, b]) await ask(node, 'sync', {});
    const tree = async (machine: string): Promise<string[]> =>
      (await readdir(path.join(place.home(machine), '.claude/projects'), { recursive: true })).toSorted();
    const expected = (root: string): string[] =>
      ['', `/${session}`, `/${session}.jsonl`, `/${session}/tool-results`, `/${session}/tool-results/1.txt`, '/memory', '/memory/MEMORY.md']
        .map((name) => projectFolder(root) + name)
        .toSorted();
    expect([await tree('a'), await tree('b')]).toEqual([expected(here), expected(there)]);
  });

  it('absolute paths of hooks do not go back and forth', async () => {
    const { a, b } = await two();
    const hook = (machine: string) => ({
      hooks: { Stop: [{ hooks: [{ type: 'command', command: `${place.home(machine)}/.claude/hooks/x` }] }] },
    });
    await place.write('a', json(hook('a')), 'settings.json');
    for (const node of [a, b]) await ask(node, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    for (const node of [b, a]) await ask(node, 'sync', {});
    const position = (await ask(a, 'status', {})).spaces[0]?.position;
    for (const node of [a, b, a, b]) await ask(node, 'sync', {});
    expect((await ask(a, 'status', {})).spaces[0]?.position).toBe(position);
    expect([await settingsOf('a'), await settingsOf('b')]).toEqual([hook('a'), hook('b')]);
  });

  it('a .claude.json that something else broke is not carried, and not written over', async () => {
    const { a, b } = await two();
    const file = (machine: string): string => path.join(place.home(machine), '.claude.json');
    await writeFile(file('a'), json({ mcpServers: { x: { command: 'x' } } }));
    for (const node of [a, b]) await ask(node, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await writeFile(file('b'), '{"mcpServers": {"x"');
    await writeFile(file('a'), json({ mcpServers: { x: { command: 'y' } } }));
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(await readFile(file('b'), 'utf8')).toBe('{"mcpServers": {"x"');
    await writeFile(file('b'), json({ numStartups: 1 }));
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(JSON.parse(await readFile(file('a'), 'utf8'))).toEqual({ mcpServers: { x: { command: 'y' } } });
  });

  it('a Claude Code that rewrites its files all the while on both sides is not fought', async () => {
    const nodes = await two({ live: true });
    const both = ['a', 'b'] as const;
    const claudeJson = (machine: string): string => path.join(place.home(machine), '.claude.json');
    for (const machine of both) {
      await place.write(machine, json({}), 'settings.json');
      await writeFile(claudeJson(machine), json({ numStartups: 0 }));
    }
    /** Reads, changes and writes the whole file, in place, as a program does that knows of nobody else. */
    const rewrite = async (machine: string, round: number): Promise<void> => {
      const settings = path.join(place.home(machine), '.claude', 'settings.json');
      const before = JSON.parse(await readFile(settings, 'utf8')) as object;
      await writeFile(settings, json({ ...before, [machine === 'a' ? 'model' : 'theme']: `${machine} ${round}` }));
      await writeFile(claudeJson(machine), json({ numStartups: round }));
    };
    for (let round = 1; round <= 40; round += 1) {
      await Promise.all(both.map((machine) => rewrite(machine, round)));
      await sleep(25);
    }
    await until('both have what was written last', async () => {
      const [onA, onB] = [await settingsOf('a'), await settingsOf('b')];
      const isLast = ({ model, theme }: Record<string, unknown>): boolean => model === 'a 40' && theme === 'b 40';
      return isLast(onA) && isLast(onB);
    });
    for (const machine of both) expect(JSON.parse(await readFile(claudeJson(machine), 'utf8'))).toEqual({ numStartups: 40 });
    expect((await ask(nodes.a, 'conflicts', {})).conflicts).toEqual([]);
  });

  it('a hook that has a second and a half pings the node and ends at once: the node does the work', async () => {
    const { a, b } = await two();
    const took: number[] = [];
    for (let session = 0; session < 5; session += 1) {
      const texts = Array.from({ length: 200 }, (_, n) => `${session} ${n}\n`).join('');
      for (let n = 0; n < 40; n += 1) await place.write('a', texts, `plans/${session}-${n}.md`);
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', HOOK, path.join(place.home('a'), '.satchel')]);
      took.push(Number(stdout));
    }
    // The median: whoever tests may have more to do than this machine has cores.
    expect(took.toSorted((one, other) => one - other)[2]).toBeLessThan(200);
    await until('the other machine can have all of it', async () => {
      await ask(b, 'sync', {});
      return (await names(b)).length === 200;
    });
    expect((await ask(a, 'status', {})).spaces[0]?.drafts).toBe(0);
  });
});
