import { mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

const SESSION = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const OWN = '2c4e28ba-2fa1-41d2-883f-0016d3cca427';
const REMOTE = 'git@github.com:acme/app.git';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

async function checkout(machine: string, name: string): Promise<string> {
  const folder = path.join(place.home(machine), name);
  await mkdir(path.join(folder, '.git'), { recursive: true });
  await writeFile(path.join(folder, '.git', 'config'), `[remote "origin"]\n\turl = ${REMOTE}\n`);
  return realpath(folder);
}

async function folderOf(machine: string, name: string): Promise<string> {
  const folder = path.join(place.home(machine), name);
  await mkdir(folder, { recursive: true });
  return realpath(folder);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const said = (cwd: string, text: string): string => `${JSON.stringify({ type: 'user', cwd, message: { role: 'user', content: text } })}\n`;
const typed = (display: string, project: string, timestamp: number): string => `${JSON.stringify({ display, timestamp, project })}\n`;
const history = (machine: string): Promise<string | null> => place.read(machine, 'history.jsonl').catch(() => null);
const claudeJson = (machine: string): string => path.join(place.home(machine), '.claude.json');

/** Machine a works in a checkout, and what was typed there stands in its history with what `others` say; b has joined and synced. */
async function two(others = '', { live = false } = {}): Promise<{ a: SatchelNode; b: SatchelNode; here: string }> {
  const here = await checkout('a', 'work/app');
  await place.write('a', said(here, 'one'), `projects/${projectFolder(here)}/${SESSION}.jsonl`);
  await place.write('a', typed('first', here, 1) + others + typed('last', here, 9), 'history.jsonl');
  const a = await place.start('a');
  await ask(a, 'sync', {});
  const b = await place.start('b', { live });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  await ask(b, 'sync', {});
  await ask(b, 'sync', {});
  return { a, b, here };
}

describe('what was typed in a project whose place here is found later', () => {
  it('makes no file before there is a line of it, and is there as soon as the project is mapped', async () => {
    const { b } = await two();
    expect(await history('b')).toBeNull();
    const there = await folderOf('b', 'elsewhere');
    await ask(b, 'project-map', { project: 'app', folder: there });
    expect(await history('b')).toBe(typed('first', there, 1) + typed('last', there, 9));
  });

  it('comes among the lines that are here', async () => {
    const { a, b, here } = await two(typed('anywhere', '/srv', 5));
    expect(await history('b')).toBe(typed('anywhere', '/srv', 5));
    await place.write('b', typed('anywhere', '/srv', 5) + typed('mine', '/srv', 12), 'history.jsonl');
    await ask(b, 'sync', {});
    const there = await folderOf('b', 'elsewhere');
    await ask(b, 'project-map', { project: 'app', folder: there });
    const all = (at: string): string =>
      typed('first', at, 1) + typed('anywhere', '/srv', 5) + typed('last', at, 9) + typed('mine', '/srv', 12);
    expect(await history('b')).toBe(all(there));
    // It is no edit of anybody's.
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect(await history('a')).toBe(all(here));
    expect((await ask(a, 'log', { item: 'history.jsonl' })).commits).toHaveLength(2);
  });

  it('comes after a restart where a checkout was made meanwhile', async () => {
    await two(typed('anywhere', '/srv', 5));
    await place.stop('b');
    const there = await checkout('b', 'code/app');
    const b = await place.start('b', { live: false });
    await ask(b, 'sync', {});
    expect(await history('b')).toBe(typed('first', there, 1) + typed('anywhere', '/srv', 5) + typed('last', there, 9));
  });

  it('comes where Claude Code is run there for the first time', async () => {
    const { b } = await two(typed('anywhere', '/srv', 5));
    const there = await checkout('b', 'code/app');
    await place.write('b', said(there, 'mine'), `projects/${projectFolder(there)}/${OWN}.jsonl`);
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    expect(await history('b')).toBe(typed('first', there, 1) + typed('anywhere', '/srv', 5) + typed('last', there, 9));
  });

  it('comes by itself where the node runs', async () => {
    await two(typed('anywhere', '/srv', 5), { live: true });
    const there = await checkout('b', 'code/app');
    await place.write('b', said(there, 'mine'), `projects/${projectFolder(there)}/${OWN}.jsonl`);
    await expect.poll(() => history('b')).toContain(typed('last', there, 9));
  });

  it('is shown with this machine’s paths, as it would stand here; and which projects have none is said', async () => {
    const { a, b, here } = await two(typed('anywhere', '/srv', 5));
    const shown = async (node: SatchelNode, raw = false) => {
      const { body, placeless } = await ask(node, 'show', { item: 'history.jsonl', raw });
      return { body, placeless };
    };
    const all = (at: string): string => typed('first', at, 1) + typed('anywhere', '/srv', 5) + typed('last', at, 9);
    expect(await shown(a)).toEqual({ body: all(here), placeless: [] });
    const [project] = (await ask(b, 'projects', {})).projects;
    expect(await shown(b)).toEqual({ body: typed('anywhere', '/srv', 5), placeless: [project?.id] });
    expect(await shown(b, true)).toEqual({ body: all(`{{satchel:project:${project?.id}}}`), placeless: [] });
    const there = await folderOf('b', 'elsewhere');
    await ask(b, 'project-map', { project: 'app', folder: there });
    expect(await shown(b)).toEqual({ body: all(there), placeless: [] });

    await place.write('b', all(there) + typed('more', there, 12), 'history.jsonl');
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect(await ask(a, 'diff', { item: 'history.jsonl' })).toMatchObject({
      before: all(here),
      after: all(here) + typed('more', here, 12),
    });
    // What it prints may stand in the file: nobody typed anything.
    await place.write('b', (await shown(b)).body, 'history.jsonl');
    await ask(b, 'sync', {});
    expect((await ask(b, 'log', { item: 'history.jsonl' })).commits).toHaveLength(2);
  });

  it('does not bring back a file that was removed here', async () => {
    const { b } = await two(typed('anywhere', '/srv', 5));
    await rm(path.join(place.home('b'), '.claude', 'history.jsonl'));
    await ask(b, 'sync', {});
    await ask(b, 'project-map', { project: 'app', folder: await folderOf('b', 'elsewhere') });
    expect(await history('b')).toBeNull();
  });
});

describe('MCP servers of a project whose place here is found later', () => {
  it('wait for an answer as soon as the project is mapped, and stand under its folder', async () => {
    const here = await checkout('a', 'work/app');
    await place.write('a', said(here, 'one'), `projects/${projectFolder(here)}/${SESSION}.jsonl`);
    const a = await place.start('a');
    await ask(a, 'sync', {});
    await writeFile(claudeJson('a'), json({ projects: { [here]: { mcpServers: { db: { command: 'db' } } } } }));
    await ask(a, 'sync', {});
    const b = await place.start('b', { live: false });
    const there = await folderOf('b', 'elsewhere');
    await writeFile(claudeJson('b'), json({ projects: { [there]: { lastCost: 1 } } }));
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, trust_own: true });
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    expect(JSON.parse(await readFile(claudeJson('b'), 'utf8'))).toEqual({ projects: { [there]: { lastCost: 1 } } });
    await ask(b, 'project-map', { project: 'app', folder: there });
    expect(JSON.parse(await readFile(claudeJson('b'), 'utf8'))).toEqual({
      projects: { [there]: { lastCost: 1, mcpServers: { db: { command: 'db' } } } },
    });
  });
});
