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

  it('go on being captured, whatever was settled by a process before', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'y', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [a, first] = await two();
    let b = first;
    /** Each step is another process, which may rely on what the one before found. */
    const next = async (): Promise<void> => {
      await ask(b, 'sync', {});
      await place.stop('b');
      b = await place.start('b', { live: false });
    };
    await ask(a, 'sync', {});
    for (const _ of [1, 2, 3]) await next();
    const copy = inProjects('b', there, `${SESSION}.jsonl`);
    await appendFile(original, record(here, 'on a'));
    await appendFile(copy, record(there, 'on b'));
    await ask(a, 'sync', {});
    for (const _ of [1, 2, 3]) await next();
    await ask(a, 'sync', {});
    const forks = (await readdir(inProjects('a', here))).filter((name) => name.endsWith('.jsonl') && !name.startsWith(SESSION));
    expect(forks).toHaveLength(1);
    expect(await readFile(inProjects('a', here, forks[0] ?? ''), 'utf8')).toBe(record(here, 'one') + record(there, 'on b'));
    await appendFile(copy, record(there, 'and on'));
    await appendFile(inProjects('b', there, forks[0] ?? ''), record(there, 'theirs, here'));
    for (const _ of [1, 2]) await next();
    await ask(a, 'sync', {});
    expect(await readFile(inProjects('a', here, forks[0] ?? ''), 'utf8')).toContain('and on');
    expect(await readFile(original, 'utf8')).toContain('theirs, here');
    // What is carried from now on, by another configuration.
    await place.write('b', 'a note\n', 'my-notes/n.md');
    for (const _ of [1, 2]) await next();
    await place.stop('b');
    await writeFile(path.join(place.home('b'), '.satchel', 'config.json'), JSON.stringify({ claude: { include: ['my-notes/**'] } }), {
      mode: 0o600,
    });
    b = await place.start('b', { live: false });
    await next();
    const [open] = a.spaces.values();
    expect((await open?.replica.list({ prefix: 'my-notes/' }))?.length).toBe(1);
  });

  it('take all that is tied to them along, where they went on here and there', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'y', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await appendFile(original, record(here, 'on a'));
    await appendFile(inProjects('b', there, `${SESSION}.jsonl`), record(there, 'on b'));
    const tied = (folder: string, id: string, by: string): Record<string, string> => ({
      [`projects/${projectFolder(folder)}/${id}/subagents/agent-${by}.jsonl`]: record(there, `an agent of ${by}`),
      [`projects/${projectFolder(folder)}/${id}/tool-results/1.txt`]: `a result of ${by}`,
      [`todos/${id}-agent-${id}.json`]: `[{"of":"${by}"}]`,
      [`tasks/${id}/1.json`]: `{"task":"of ${by}"}`,
      [`file-history/${id}/1234@v1`]: `as it was on ${by}`,
    });
    for (const [name, text] of Object.entries(tied(here, SESSION, 'a'))) await place.write('a', text, name);
    for (const [name, text] of Object.entries(tied(there, SESSION, 'b'))) await place.write('b', text, name);
    for (const node of [a, b, a, b, a]) await ask(node, 'sync', {});
    const forks = (await readdir(inProjects('a', here))).filter((name) => name.endsWith('.jsonl') && !name.startsWith(SESSION));
    expect(forks).toHaveLength(1);
    const fork = forks[0]?.replace('.jsonl', '') ?? '';
    const expected: [string, Record<string, string>][] = [
      ['a', tied(here, SESSION, 'a')],
      ['a', tied(here, fork, 'b')],
      ['b', tied(there, SESSION, 'b')],
      ['b', tied(there, fork, 'a')],
    ];
    for (const [machine, files] of expected)
      for (const [name, text] of Object.entries(files)) expect([name, await place.read(machine, name)]).toEqual([name, text]);
  });

  it('leave nothing behind of what was captured before it was known that they had gone on elsewhere', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'y', 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    const [first, b] = await two();
    await place.write('a', 'as it was before', `file-history/${SESSION}/1@v1`);
    await ask(first, 'sync', {});
    await ask(b, 'sync', {});
    await appendFile(original, record(here, 'on a'));
    await place.write('a', 'as it was on a', `file-history/${SESSION}/2@v1`);
    await ask(first, 'sync', {});
    const port = Number(new URL(first.address ?? '').port);
    await place.stop('a');

    // Offline: each is captured by itself, the transcript last.
    const onB = [`file-history/${SESSION}/3@v1`, `tasks/${SESSION}/1.json`, `todos/${SESSION}-agent-${SESSION}.json`];
    for (const name of onB) {
      await place.write('b', `of b: ${name}`, name);
      await ask(b, 'sync', {}).catch(() => undefined);
    }
    await appendFile(inProjects('b', there, `${SESSION}.jsonl`), record(there, 'on b'));
    await ask(b, 'sync', {}).catch(() => undefined);
    const a = await place.start('a', { port });
    for (const node of [b, a, b, a, b, a]) await ask(node, 'sync', {});

    const forks = (await readdir(inProjects('a', here))).filter((name) => name.endsWith('.jsonl') && !name.startsWith(SESSION));
    expect(forks).toHaveLength(1);
    const fork = forks[0]?.replace('.jsonl', '') ?? '';
    const names = async (machine: string): Promise<string[]> =>
      (await readdir(path.join(place.home(machine), '.claude'), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && /file-history|tasks|todos/.test(entry.parentPath))
        .map((entry) => path.relative(path.join(place.home(machine), '.claude'), path.join(entry.parentPath, entry.name)))
        .toSorted();
    const of = (id: string, list: readonly string[]): string[] => list.map((name) => name.replaceAll(SESSION, id));
    const onA = [`file-history/${SESSION}/1@v1`, `file-history/${SESSION}/2@v1`];
    expect(await names('a')).toEqual([...onA, ...of(fork, [onA[0] ?? '', ...onB])].toSorted());
    expect((await names('b')).filter((name) => name.includes(SESSION))).toEqual([`file-history/${SESSION}/1@v1`, ...onB].toSorted());
    expect((await names('b')).filter((name) => name.includes(fork))).toEqual(of(fork, onA));
    for (const name of onB) expect(await place.read('b', name)).toBe(`of b: ${name}`);
  });

  it('stand under folders whose names are cut, where a path is longer than 200 characters', async () => {
    const deep = `${'long-name-'.repeat(12)}/${'longer-name-'.repeat(10)}`;
    const here = await workFolder('a', `${deep}/x`, 'git@github.com:acme/app.git');
    const there = await workFolder('b', `${deep}/y`, 'git@github.com:acme/app.git');
    const original = await transcript('a', here, SESSION, 'one');
    expect([projectFolder(here).length > 200, path.basename(path.dirname(original))]).toEqual([true, projectFolder(here)]);
    const [a, b] = await two();
    for (const node of [a, b]) await ask(node, 'sync', {});
    await appendFile(inProjects('b', there, `${SESSION}.jsonl`), record(there, 'two'));
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(await readFile(original, 'utf8')).toBe(record(here, 'one') + record(there, 'two'));
    expect(await readdir(path.dirname(inProjects('b', there)))).toEqual([projectFolder(there)]);
  });

  it('are shown with their folders here, before and after they are put in place', async () => {
    const here = await workFolder('a', 'work/x', 'git@github.com:acme/app.git');
    const elsewhere = await workFolder('a', 'work/z', 'git@github.com:acme/other.git');
    const there = await workFolder('b', 'y', 'git@github.com:acme/app.git');
    await transcript('a', here, SESSION, 'one');
    await transcript('a', elsewhere, TWO, 'two');
    await place.write('a', 'of a\n');
    await place.write('b', 'of b\n');
    const [a, b] = await two();
    for (const node of [a, b]) await ask(node, 'sync', {});
    const [waiting] = (await ask(b, 'pending', {})).pending;
    expect(waiting).toMatchObject({ type: 'first-apply' });
    expect(waiting?.what).toMatch(new RegExp(`puts sessions of app-[0-9a-f]{12} where its folder ${there} has them`));
    const folders = { [there]: 1, nowhere: 1 };
    for (const { projects } of [...(await ask(b, 'status', {})).spaces, ...(await ask(b, 'spaces', {})).spaces])
      expect(Object.fromEntries(projects.map(({ folder }) => [folder ?? 'nowhere', 1]))).toEqual(folders);
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    expect(await readFile(inProjects('b', there, `${SESSION}.jsonl`), 'utf8')).toBe(record(here, 'one'));
    const check = (await ask(b, 'doctor', {})).checks.find(({ id }) => id === 'projects:personal');
    expect(check).toMatchObject({ result: 'warn', next_step: expect.stringContaining('satchel projects map') as string });
    expect(check?.evidence).toEqual([expect.stringMatching(/^other-[0-9a-f]{12} \(git:github.com\/acme\/other\): 1 sessions?$/)]);
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

  it('are searched for what was said in them, also where they have no place', async () => {
    const here = await workFolder('a', 'work/x', 'git@github.com:acme/app.git');
    await transcript('a', here, SESSION, 'first', 'The Walrus sleeps in the middle', 'last');
    await transcript('a', here, TWO, 'first', 'nothing of that', 'last');
    const agent = inProjects('a', here, TWO, 'subagents', 'agent-1.jsonl');
    await mkdir(path.dirname(agent), { recursive: true });
    await writeFile(agent, record(here, 'an otter, said a helper'));
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    for (const node of [a, b]) {
      const found = await ask(node, 'sessions', { search: 'walrus MIDDLE app' });
      expect(found).toMatchObject({ total: 1, unsearched: 0 });
      expect(found.sessions).toMatchObject([{ id: SESSION, hit: { by: 'user', text: 'The Walrus sleeps in the middle' } }]);
      expect((await ask(node, 'sessions', { search: 'otter' })).sessions).toMatchObject([
        { id: TWO, hit: { text: 'an otter, said a helper' } },
      ]);
      expect((await ask(node, 'sessions', { search: 'walrus otter' })).total).toBe(0);
      expect((await ask(node, 'sessions', { search: 'first' })).sessions.map(({ hit }) => hit)).toEqual([null, null]);
      expect((await ask(node, 'sessions', {})).total).toBe(2);
    }
    // Whoever joins without a folder of the project, and has no connection yet, fetches what it has not.
    const c = await place.start('c', { live: false });
    await ask(c, 'join', { link: (await ask(a, 'invite', {})).link });
    await place.stop('c');
    const again = await place.start('c', { live: false });
    expect(await ask(again, 'sessions', { search: 'walrus' })).toMatchObject({ total: 1, unsearched: 0 });
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

    // Used again elsewhere, it is wanted here too.
    await appendFile(inProjects('b', there, `${SESSION}.jsonl`), record(there, 'again'));
    for (const node of [b, a]) await ask(node, 'sync', {});
    expect(await readFile(original, 'utf8')).toBe(await readFile(inProjects('b', there, `${SESSION}.jsonl`), 'utf8'));
  });

  it('are listed with title, project, machine and time, and found by words; those gone come back fresh', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    await workFolder('b', 'x', 'git@github.com:acme/app.git');
    const other = await workFolder('b', 'notes');
    const file = await transcript('a', here, SESSION, 'Fix the login bug', 'and test it');
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    const mine = await transcript('b', other, TWO, 'Write a poem');
    await appendFile(mine, `${JSON.stringify({ type: 'ai-title', aiTitle: 'A poem' })}\n`);
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    const { sessions, total } = await ask(a, 'sessions', {});
    expect(total).toBe(2);
    const [poem, login] = [TWO, SESSION].map((id) => sessions.find((entry) => entry.id === id));
    expect(login).toMatchObject({ title: null, first_prompt: 'Fix the login bug', last_prompt: 'and test it', folder: here, here: true });
    expect(login?.size).toBe((await stat(file)).size);
    expect(login?.used).not.toBeNull();
    expect(poem).toMatchObject({ title: 'A poem', machine: 'bee', folder: null, here: false });
    expect(poem?.reason).toContain('no place here');
    expect((await ask(a, 'sessions', { search: 'LOGIN app' })).sessions.map(({ id }) => id)).toEqual([SESSION]);
    expect((await ask(a, 'sessions', { search: 'login bee' })).total).toBe(0);

    await rm(file);
    await ask(a, 'sync', {});
    expect((await ask(a, 'sessions', { search: 'login' })).sessions).toMatchObject([
      { here: false, reason: 'removed here; the space keeps it' },
    ]);
    const restored = await ask(a, 'session-restore', { session: SESSION.slice(0, 8) });
    expect(restored).toEqual({ id: SESSION, folder: here, file: await realpath(file) });
    expect(Date.now() - (await stat(file)).mtimeMs).toBeLessThan(60_000);
    expect(await readFile(file, 'utf8')).toContain('and test it');
    await expect(ask(a, 'session-restore', { session: TWO })).rejects.toThrow('no folder on this machine');
  });

  it('come where the user says that their project is', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    await transcript('a', here, SESSION, 'one');
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    const [project] = (await ask(b, 'projects', {})).projects;
    expect(project).toMatchObject({ aliases: ['git:github.com/acme/app'], sessions: 1, folder: null });
    expect((await ask(b, 'status', {})).spaces[0]?.projects_without_folder).toEqual([project?.id]);
    expect((await ask(b, 'doctor', {})).checks.find(({ id }) => id.startsWith('projects:'))).toMatchObject({ result: 'warn' });
    const there = await workFolder('b', 'elsewhere');
    await expect(ask(b, 'project-map', { project: 'app', folder: path.join(there, 'none') })).rejects.toThrow('no such folder');
    expect(await ask(b, 'project-map', { project: 'app', folder: there })).toEqual({ project: project?.id, folder: there });
    expect(await readFile(inProjects('b', there, `${SESSION}.jsonl`), 'utf8')).toContain('one');
    expect((await ask(b, 'spaces', {})).spaces[0]?.projects).toEqual([{ id: project?.id, folder: there, sessions: 1 }]);
    await expect(ask(b, 'project-map', { project: 'app', folder: there })).rejects.toThrow('already');
    expect((await ask(b, 'status', {})).spaces[0]?.projects_without_folder).toEqual([]);
  });

  it('history.jsonl is one, with each machine’s own paths; what one deletes by age stays on the others', async () => {
    const here = await workFolder('a', 'x', 'git@github.com:acme/app.git');
    const there = await workFolder('b', 'code/y', 'git@github.com:acme/app.git');
    await transcript('a', here, SESSION, 'one');
    const historyOf = (machine: string): string => path.join(place.home(machine), '.claude', 'history.jsonl');
    const typed = (display: string, project: string, timestamp: number): string => `${JSON.stringify({ display, timestamp, project })}\n`;
    await writeFile(historyOf('a'), typed('first', here, 1) + typed('second', here, 2));
    const [a, b] = await two();
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    expect(await readFile(historyOf('b'), 'utf8')).toBe(typed('first', there, 1) + typed('second', there, 2));

    await appendFile(historyOf('a'), typed('third', here, 3));
    await appendFile(historyOf('b'), typed('on b', there, 4));
    for (const node of [a, b, a]) await ask(node, 'sync', {});
    expect(await readFile(historyOf('a'), 'utf8')).toBe(
      [typed('first', here, 1), typed('second', here, 2), typed('third', here, 3), typed('on b', here, 4)].join(''),
    );

    await writeFile(historyOf('b'), typed('third', there, 3) + typed('on b', there, 4));
    await ask(b, 'sync', {});
    await appendFile(historyOf('a'), typed('fifth', here, 5));
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(await readFile(historyOf('b'), 'utf8')).toBe(
      [typed('third', there, 3), typed('on b', there, 4), typed('fifth', there, 5)].join(''),
    );
    expect(await readFile(historyOf('a'), 'utf8')).toContain('first');
  });
});
