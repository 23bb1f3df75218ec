import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { createLogStoreDouble } from '../../../tests/contracts/memory-store.ts';
import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Project } from '../../kinds/claude-home/project.ts';
import { mappedProject, type MnemeProject } from '../../kinds/mneme/names.ts';
import { openPlaceBook } from '../claude-home/place-book.ts';
import { createProjectPlaces } from '../claude-home/project-places.ts';
import { findFolder } from './find-folder.ts';
import { createMnemeProjects, type MnemeProjects } from './mneme-projects.ts';

/** A machine with folders that are known by aliases; all machines of a test know the same projects. */
async function machine(folders: Record<string, string[]>, known: Map<string, Project>, store: Store = createLogStoreDouble()) {
  const clock = createTestClock();
  const book = await openPlaceBook(store, 'space' as SpaceId);
  const registry = {
    projects: () => Promise.resolve(known),
    add: (id: string, aliases: readonly string[]) =>
      Promise.resolve(void known.set(id, { id, aliases: [...(known.get(id)?.aliases ?? []), ...aliases] })),
  };
  const paths = {
    aliasesOf: (folder: string) => Promise.resolve(folders[folder] ?? [`path:${folder}`]),
    placeOf: () => Promise.resolve(null),
    pathOf: () => Promise.resolve(null),
  };
  const places = createProjectPlaces({ book, registry, paths, clock });
  const projects = createMnemeProjects({
    store,
    space: 'space' as SpaceId,
    clock,
    book: () => Promise.resolve(book),
    places: () => Promise.resolve(places),
    findFolder: (id) => Promise.resolve(Object.keys(folders).find((folder) => folder.replaceAll('/', '-') === id) ?? null),
  });
  return { projects, places, store, clock };
}

const bind = async (projects: MnemeProjects, id: string): Promise<MnemeProject> => {
  const project = await projects.bind(id);
  if (!project.ok) throw new Error(project.error);
  return project.value;
};

describe('the projects of mneme', () => {
  it('are one for one repository, wherever it lies', async () => {
    const known = new Map<string, Project>();
    const a = await machine({ '/home/a/work/app': ['git:x/app', 'home:work/app'] }, known);
    const b = await machine({ '/Users/b/app': ['git:x/app', 'home:app'] }, known);
    const project = await bind(a.projects, '-home-a-work-app');
    expect(project).toMatch(/^~app-[0-9a-f]{12}$/);
    expect(await b.projects.toLocal(project)).toBeNull();
    expect(await b.projects.toSpace('-Users-b-app')).toEqual({ ok: true, value: project });
    expect(known.size).toBe(1);
    expect(await bind(b.projects, '-Users-b-app')).toBe(project);
    expect(await b.projects.toLocal(project)).toBe('-Users-b-app');
    expect(await a.projects.toLocal(project)).toBe('-home-a-work-app');
  });

  it('ask without making anything', async () => {
    const known = new Map<string, Project>();
    const a = await machine({ '/home/a/app': ['home:app'] }, known);
    expect(await a.projects.toSpace('-home-a-app')).toEqual({ ok: true, value: expect.stringMatching(/^~app-/) });
    expect(known.size).toBe(0);
    expect(await a.places.findPlaces()).toEqual([]);
  });

  it('stand for themselves where no folder is known, or the user chose the id', async () => {
    const a = await machine({ '/home/a/app': ['home:app'] }, new Map());
    expect(await bind(a.projects, '-home-a-gone')).toBe('-home-a-gone');
    expect(await bind(a.projects, 'team')).toBe('team');
    expect(await bind(a.projects, 'a/b')).toBe('a%2Fb');
    for (const id of ['-home-a-gone', 'team', 'a/b']) expect(await a.projects.toLocal(await bind(a.projects, id))).toBe(id);
    expect((await a.projects.toSpace('')).ok).toBe(false);
    expect(await a.projects.toLocal('..' as MnemeProject)).toBeNull();
  });

  it('keep a second checkout apart', async () => {
    const a = await machine({ '/home/a/one': ['git:x/app'], '/home/a/two': ['git:x/app'] }, new Map());
    const both = await Promise.all([bind(a.projects, '-home-a-one'), bind(a.projects, '-home-a-two')]);
    expect(both).toEqual([expect.stringMatching(/^~app-/), '-home-a-two']);
    expect(await a.projects.toLocal(both[1] as MnemeProject)).toBe('-home-a-two');
  });

  it('stay what they were, in the next process too', async () => {
    const [known, folders] = [new Map<string, Project>(), {} as Record<string, string[]>];
    const a = await machine(folders, known);
    expect(await bind(a.projects, '-home-a-app')).toBe('-home-a-app');
    folders['/home/a/app'] = ['home:app'];
    const again = await machine(folders, known, a.store);
    a.clock.advance(60_000);
    for (const { projects } of [a, again]) expect(await projects.toSpace('-home-a-app')).toEqual({ ok: true, value: '-home-a-app' });
    expect(await again.projects.toLocal(mappedProject('app-0123456789ab'))).toBeNull();
  });

  it('are looked for again', async () => {
    const folders: Record<string, string[]> = {};
    const a = await machine(folders, new Map());
    expect(await a.projects.toSpace('-home-a-app')).toEqual({ ok: true, value: '-home-a-app' });
    folders['/home/a/app'] = ['home:app'];
    a.clock.advance(60_000);
    expect(await a.projects.toSpace('-home-a-app')).toEqual({ ok: true, value: expect.stringMatching(/^~app-/) });
  });
});

describe('the folder of an id', () => {
  let root: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(path.join(tmpdir(), 'satchel-folders-')));
  });
  afterEach(() => rm(root, { recursive: true }));
  const id = (folder: string): string => path.join(root, folder).replaceAll('/', '-');
  const make = (folder: string): Promise<unknown> => mkdir(path.join(root, folder), { recursive: true });

  it('is found whatever dashes it has', async () => {
    await make('a/my-app');
    await make('a-b/c');
    expect(await findFolder(id('a/my-app'))).toBe(path.join(root, 'a/my-app'));
    expect(await findFolder(id('a-b/c'))).toBe(path.join(root, 'a-b/c'));
    for (const none of [id('a/my'), id('nothing'), '-', 'team', '-..-..', `${id('a')}-`]) expect(await findFolder(none)).toBeNull();
  });

  it('is the checkout of two', async () => {
    await make('a/b-c');
    await make('a/b/c/.git');
    expect(await findFolder(id('a/b-c'))).toBe(path.join(root, 'a/b/c'));
  });

  it('is what a link leads to', async () => {
    await make('real');
    await symlink(path.join(root, 'real'), path.join(root, 'link'));
    expect(await findFolder(id('link'))).toBe(path.join(root, 'real'));
  });
});
