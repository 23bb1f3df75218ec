import { beforeEach, describe, expect, it } from 'vitest';
import { mintProjectId } from '../../src/kinds/claude-home/project-alias.ts';
import { createClaudeMachine, said, type ClaudeMachine, type Projects } from './claude-machine.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

const ONE = '11111111-2fa1-41d2-883f-0016d3cca427';
const TWO = '22222222-2fa1-41d2-883f-0016d3cca427';
const THREE = '33333333-2fa1-41d2-883f-0016d3cca427';
/** As forks are named. */
const FORK = '44444444-2fa1-81d2-883f-0016d3cca427';
const GIT = 'git:github.com/acme/app';
const APP = mintProjectId(GIT);

let space: SpaceDouble;
let projects: Projects;
beforeEach(() => {
  space = createSpaceDouble();
  projects = new Map();
});

const machine = (name: string, folders: Readonly<Record<string, readonly string[]>>): Promise<ClaudeMachine> =>
  createClaudeMachine(space, projects, name, folders);
const inSpace = (): string[] => [...space.heads.values()].map(({ item }) => item.name).sort();
const rounds = async (...machines: ClaudeMachine[]): Promise<void> => {
  for (const each of machines) await each.round();
};
const after = async <T>(turns: number, work: () => Promise<T>): Promise<T> => {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
  return work();
};
const skipped = async (on: ClaudeMachine): Promise<string[]> => (await on.source.scan()).skipped.map(({ reason }) => reason);

describe('projects of a Claude home', () => {
  it('are named by the project in the space, and by the machine’s own path on each', async () => {
    const a = await machine('a', { '/home/a/x': [GIT, 'home:x'] });
    const b = await machine('b', { '/Users/b/code': [GIT, 'home:code'] });
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    a.write('/home/a/x', 'memory/MEMORY.md', 'remember');
    await rounds(a, b);
    expect(inSpace()).toEqual([`projects/${APP}/${ONE}.jsonl`, `projects/${APP}/memory/MEMORY.md`]);
    expect(b.text('/Users/b/code', `${ONE}.jsonl`)).toBe(said('/home/a/x', 'one'));
    expect(b.text('/Users/b/code', 'memory/MEMORY.md')).toBe('remember');
    b.write('/Users/b/code', 'memory/MEMORY.md', 'remember more');
    await rounds(b, a);
    expect(a.text('/home/a/x', 'memory/MEMORY.md')).toBe('remember more');
    expect(projects.get(APP)?.aliases).toEqual([GIT]);
  });

  it('are minted alike by machines that never met, and found by the place in the home', async () => {
    const a = await machine('a', { '/home/a/x': ['home:x'] });
    const b = await machine('b', { '/Users/b/x': ['home:x'] });
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    b.write('/Users/b/x', `${TWO}.jsonl`, said('/Users/b/x', 'two'));
    await rounds(a, b, a);
    expect(inSpace()).toEqual([ONE, TWO].map((id) => `projects/${mintProjectId('home:x')}/${id}.jsonl`));
    expect(a.names()).toHaveLength(2);
  });

  it.each(Array.from({ length: 20 }, (_, turns) => turns))('are bound once by portions taken %d turns apart', async (turns) => {
    const a = await machine('a', { '/home/a/x': [GIT] });
    const sessions = [a.capture('/home/a/x', `${ONE}.jsonl`, 'one'), after(turns, () => a.capture('/home/a/x', `${TWO}.jsonl`, 'two'))];
    const reports = [...(await Promise.all(sessions)), await a.capture('/home/a/x', 'memory/MEMORY.md', 'remember')];
    expect(reports.flatMap(({ refused }) => refused)).toEqual([]);
    expect(inSpace()).toContain(`projects/${APP}/memory/MEMORY.md`);
  });

  it.each(Array.from({ length: 20 }, (_, turns) => turns))('exchange a fork once by portions taken %d turns apart', async (turns) => {
    const a = await machine('a', { '/home/a/x': [GIT] });
    const [ours, theirs] = [said('/home/a/x', 'ours'), said('/home/a/x', 'theirs')];
    a.write('/home/a/x', `${ONE}.jsonl`, ours);
    await a.round();
    space.put(`projects/${APP}/${ONE}.jsonl`, theirs, {}, 'transcript');
    space.put(`projects/${APP}/${FORK}.jsonl`, ours, {}, 'transcript');
    const applied = a.space.applied.bind(a.space);
    a.space.applied = (results) => after(20, () => applied(results));
    await Promise.all([
      a.capture('/home/a/x', `${TWO}.jsonl`, 'two'),
      after(turns, () => a.capture('/home/a/x', `${THREE}.jsonl`, 'three')),
    ]);
    await rounds(a, a);
    expect([a.text('/home/a/x', `${ONE}.jsonl`), a.text('/home/a/x', `${FORK}.jsonl`)]).toEqual([ours, theirs]);
    expect(space.siblings).toEqual([]);
  });

  it('wait for a folder that says where it is', async () => {
    const a = await machine('a', { '/home/a/x': [GIT] });
    a.write('/home/a/x', `${ONE}.jsonl`, '{"type":"queue-operation"}\n');
    await a.round();
    expect(inSpace()).toEqual([]);
    expect(await skipped(a)).toEqual(['nothing in it says which folder its sessions were run in']);
    a.write('/home/a/x', `${ONE}.jsonl`, `{"type":"queue-operation"}\n${said('/home/a/x', 'one')}`);
    await a.round();
    expect(inSpace()).toEqual([`projects/${APP}/${ONE}.jsonl`]);
    expect(await skipped(a)).toEqual([]);
  });

  it('a second checkout shares the sessions, and has a memory of its own', async () => {
    const a = await machine('a', { '/home/a/x': [GIT], '/home/a/y': [GIT] });
    const b = await machine('b', { '/Users/b/code': [GIT] });
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    await a.round();
    a.write('/home/a/y', `${TWO}.jsonl`, said('/home/a/y', 'two'));
    a.write('/home/a/y', 'memory/MEMORY.md', 'of y');
    await rounds(a, b);
    expect(inSpace()).toEqual([ONE, TWO].map((id) => `projects/${APP}/${id}.jsonl`));
    expect(await skipped(a)).toEqual(['another folder here is the place of its project']);

    b.write('/Users/b/code', `${TWO}.jsonl`, said('/home/a/y', 'two') + said('/Users/b/code', 'three'));
    await rounds(b, a);
    await a.restart();
    await a.round();
    expect(a.text('/home/a/y', `${TWO}.jsonl`)).toBe(said('/home/a/y', 'two') + said('/Users/b/code', 'three'));
    expect(a.names()).toHaveLength(3);
    // The same session in both is one.
    a.write('/home/a/x', `${TWO}.jsonl`, said('/home/a/y', 'two'));
    await a.round();
    expect(await skipped(a)).toContainEqual(expect.stringContaining('is already at projects/-home-a-y/'));
    expect(space.text(`projects/${APP}/${TWO}.jsonl`, 'transcript')).toContain('three');
  });

  it('two projects that turn out to be one folder share it: sessions of both, the memory of its own', async () => {
    const a = await machine('a', { '/home/a/x': ['home:x'] });
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    a.write('/home/a/x', 'memory/MEMORY.md', 'of a');
    await a.round();
    const other = mintProjectId(GIT);
    projects.set(other, { id: other, aliases: [GIT] });
    space.put(`projects/${other}/${TWO}.jsonl`, said('/b', 'two'), {}, 'transcript');
    space.put(`projects/${other}/memory/MEMORY.md`, 'of b');
    await a.round();
    expect(a.text('/home/a/x', `${TWO}.jsonl`)).toBeNull();

    a.folders.set('/home/a/x', [GIT, 'home:x']); // the remote was added
    await a.round();
    expect(a.text('/home/a/x', `${TWO}.jsonl`)).toBe(said('/b', 'two'));
    expect(a.text('/home/a/x', 'memory/MEMORY.md')).toBe('of a');
    await a.restart();
    await a.round();
    expect(projects.get(mintProjectId('home:x'))?.aliases).toEqual([GIT, 'home:x']);
    a.write('/home/a/x', `${TWO}.jsonl`, said('/b', 'two') + said('/home/a/x', 'three'));
    await a.round();
    expect(space.text(`projects/${other}/${TWO}.jsonl`, 'transcript')).toContain('three');
    expect(inSpace().filter((name) => name.includes(TWO))).toHaveLength(1);
  });

  it('that have no place here come with one, also when a process died in between', async () => {
    const a = await machine('a', { '/home/a/x': [GIT] });
    const b = await machine('b', {});
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    await rounds(a, b);
    expect(b.names()).toEqual([]);
    expect([...b.space.table.values()].map(({ notHere }) => notHere)).toEqual([`its project has no place here: ${APP}`]);
    b.folders.set('/Users/b/code', [GIT]);
    b.space.crash = (call) => {
      if (call === 'applied') throw new Error('killed');
    };
    await expect(b.round()).rejects.toThrow('killed');
    b.space.crash = null;
    await b.restart();
    await b.round();
    expect(b.text('/Users/b/code', `${ONE}.jsonl`)).toBe(said('/home/a/x', 'one'));
  });

  it('a folder whose name stands for two paths keeps the project of the first', async () => {
    const a = await machine('a', { '/home/a/x-y': ['home:x-y'], '/home/a/x/y': ['home:x/y'] });
    a.write('/home/a/x-y', `${ONE}.jsonl`, said('/home/a/x-y', 'one'));
    await a.round();
    a.write('/home/a/x/y', `${TWO}.jsonl`, said('/home/a/x/y', 'two'));
    await a.round();
    expect(inSpace()).toEqual([ONE, TWO].map((id) => `projects/${mintProjectId('home:x-y')}/${id}.jsonl`));
  });

  it('a transcript that lost its end is put in place whole', async () => {
    const a = await machine('a', { '/home/a/x': [GIT] });
    const whole = said('/home/a/x', 'one') + said('/home/a/x', 'two');
    a.write('/home/a/x', `${ONE}.jsonl`, whole);
    await a.round();
    a.write('/home/a/x', `${ONE}.jsonl`, said('/home/a/x', 'one'));
    await a.round();
    expect(a.text('/home/a/x', `${ONE}.jsonl`)).toBe(whole);
    expect(space.text(`projects/${APP}/${ONE}.jsonl`, 'transcript')).toBe(whole);
  });
});
