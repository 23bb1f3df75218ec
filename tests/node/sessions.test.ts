import { appendFile, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { ask, Place } from './place.ts';

const SESSION = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const TWO = '2c4e28ba-2fa1-41d2-883f-0016d3cca427';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** A folder to work in, with its links resolved; `remote` makes it a checkout. */
async function workFolder(machine: string, name: string, remote?: string): Promise<string> {
  const folder = path.join(place.home(machine), name);
  await mkdir(path.join(folder, '.git'), { recursive: true });
  if (remote !== undefined) await writeFile(path.join(folder, '.git', 'config'), `[remote "origin"]\n\turl = ${remote}\n`);
  return realpath(folder);
}

function inProjects(machine: string, folder: string, ...rest: string[]): string {
  return path.join(place.home(machine), '.claude', 'projects', projectFolder(folder), ...rest);
}

const record = (cwd: string, text: string): string =>
  `${JSON.stringify({ type: 'user', cwd, message: { role: 'user', content: text } })}\n`;

async function transcript(machine: string, folder: string, session: string, ...texts: string[]): Promise<string> {
  const file = inProjects(machine, folder, `${session}.jsonl`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, texts.map((text) => record(folder, text)).join(''));
  return file;
}

async function two(): Promise<[SatchelNode, SatchelNode]> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  return [a, b];
}

describe('sessions on two machines', () => {
  it('stand under the folder that each machine’s path gives, and are extended in place', async () => {
    const here = await workFolder('a', 'work/x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'x', 'https://github.com/acme/app');
    const original = await transcript('a', here, SESSION, 'one', 'two');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    const copy = inProjects('b', there, `${SESSION}.jsonl`);
    expect(await readFile(copy, 'utf8')).toBe(await readFile(original, 'utf8'));

    const { ino } = await stat(copy);
    await appendFile(original, record(here, 'three'));
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect(await readFile(copy, 'utf8')).toBe(await readFile(original, 'utf8'));
    expect((await stat(copy)).ino).toBe(ino);

    await appendFile(copy, record(there, 'four'));
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect(await readFile(original, 'utf8')).toBe(await readFile(copy, 'utf8'));
  });

  it('wait for a place where there is none, and come with it', async () => {
    const here = await workFolder('a', 'work/x', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    const there = await workFolder('b', 'somewhere/else', 'https://github.com/acme/app.git');
    expect(await stat(inProjects('b', there)).catch(() => null)).toBeNull();
    // Claude Code is run there for the first time.
    await transcript('b', there, TWO, 'mine');
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    expect(await readFile(inProjects('b', there, `${SESSION}.jsonl`), 'utf8')).toBe(await readFile(original, 'utf8'));
    await ask(a, 'sync', {});
    expect(await readFile(inProjects('a', here, `${TWO}.jsonl`), 'utf8')).toContain('mine');
  });

  it('that went on here and there are two: each machine’s own keeps its file', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'x', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    const copy = inProjects('b', there, `${SESSION}.jsonl`);
    const tied = path.join(place.home('b'), '.claude', 'file-history', SESSION, '1234@v1');
    await mkdir(path.dirname(tied), { recursive: true });
    await writeFile(tied, 'as it was on b');
    const { ino } = await stat(copy);
    await appendFile(original, record(here, 'on a'));
    await appendFile(copy, record(there, 'on b'));
    const [ours, theirs] = [await readFile(copy, 'utf8'), await readFile(original, 'utf8')];
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await appendFile(copy, record(there, 'and on'));
    for (const node of [b, a, b]) await ask(node, 'sync', {});

    expect(await readFile(copy, 'utf8')).toBe(ours + record(there, 'and on'));
    expect((await stat(copy)).ino).toBe(ino);
    expect(await readFile(original, 'utf8')).toBe(theirs);
    const others = async (machine: string, folder: string): Promise<string[]> =>
      (await readdir(inProjects(machine, folder))).filter((name) => name !== `${SESSION}.jsonl`);
    const [fork, ...more] = await others('a', here);
    expect(more).toEqual([]);
    expect(await others('b', there)).toEqual([fork]);
    expect(await readFile(inProjects('a', here, fork ?? ''), 'utf8')).toBe(ours + record(there, 'and on'));
    expect(await readFile(inProjects('b', there, fork ?? ''), 'utf8')).toBe(theirs);
    // What is tied to it went along.
    const forkId = (fork ?? '').replace('.jsonl', '');
    expect(await readFile(path.join(place.home('a'), '.claude', 'file-history', forkId, '1234@v1'), 'utf8')).toBe('as it was on b');
  });

  it('are never shortened: what lost its end is completed', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const file = await transcript('a', here, SESSION, 'one', 'two');
    const whole = await readFile(file, 'utf8');
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await ask(a, 'sync', {});
    await transcript('a', here, SESSION, 'one');
    await ask(a, 'sync', {});
    await ask(a, 'sync', {});
    expect(await readFile(file, 'utf8')).toBe(whole);
  });

  it('that are deleted stay in the space, and elsewhere', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'x', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await rm(original);
    for (const node of [a, b, a]) await ask(node, 'sync', {});
    expect(await readFile(inProjects('b', there, `${SESSION}.jsonl`), 'utf8')).toContain('one');
    expect(await stat(original).catch(() => null)).toBeNull();
  });
});
