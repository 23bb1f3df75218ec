import { mkdir, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderId } from '../../src/kinds/mneme/folder-id.ts';
import { ask } from '../node/place.ts';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace;
let id: string;
let inSpace: string;
beforeAll(async () => {
  place = await MnemePlace.create();
  const folder = path.join(place.place.home(place.machine), 'app');
  await mkdir(path.join(folder, '.git'), { recursive: true });
  await writeFile(path.join(folder, '.git', 'config'), '[remote "origin"]\n\turl = git@github.com:acme/app.git\n');
  id = folderId(await realpath(folder));
  await place.lock(id, 'a');
  await place.put(id, 'log.jsonl', '{"ts":1}\n', 'a');
  inSpace = (await ask(place.node, 'leases', {})).leases[0]?.name ?? '';
});
afterAll(() => place.close());

const file = (): string => path.join(place.place.home(place.machine), '.claude-mneme', 'projects', id, 'log.jsonl');

describe('a project that the space calls otherwise', () => {
  it('is found by the id that its client gives it, by the path of its file, and by its name in the space', async () => {
    expect(inSpace).toMatch(/^mneme\/~/);
    for (const item of [`mneme/${id}/log.jsonl`, `mneme-log:mneme/${id}/log.jsonl`, file(), `${inSpace}/log.jsonl`]) {
      const [commit] = (await ask(place.node, 'log', { item })).commits;
      expect(commit?.changes).toMatchObject([{ item: `${inSpace}/log.jsonl`, known_as: `mneme/${id}/log.jsonl` }]);
    }
    for (const under of [`mneme/${id}/`, path.dirname(file()) + path.sep, `${inSpace}/`])
      expect((await ask(place.node, 'log', { item: under })).commits).toHaveLength(1);
    await expect(ask(place.node, 'log', { item: 'mneme/-no/' })).rejects.toThrow('nothing lies under');
    await expect(ask(place.node, 'log', { item: `mneme/${id}/entities.json` })).rejects.toThrow('there is no item');
    await expect(ask(place.node, 'log', { item: 'mneme/-no/log.jsonl' })).rejects.toThrow('there is no item');
  });

  it('is found so where the client syncs by itself, too', async () => {
    const settings = path.join(place.place.home(place.machine), '.claude-mneme', 'config.json');
    await mkdir(path.dirname(settings), { recursive: true });
    await writeFile(settings, JSON.stringify({ sync: { enabled: true, serverUrl: place.url, apiKey: place.token } }));
    for (const item of [`mneme/${id}/log.jsonl`, file()]) expect((await ask(place.node, 'log', { item })).commits).toHaveLength(1);
  });

  it('gives up its lock by either name, and is listed by the one that people know', async () => {
    for (const name of [`mneme/${id}`, inSpace]) {
      await place.lock(id, 'a');
      expect((await ask(place.node, 'leases', {})).leases).toMatchObject([{ name: inSpace, known_as: `mneme/${id}`, holder: 'a' }]);
      expect(await ask(place.node, 'lease-release', { name })).toMatchObject({ holder: 'a' });
      expect((await ask(place.node, 'leases', {})).leases).toEqual([]);
    }
    await expect(ask(place.node, 'lease-release', { name: `mneme/${id}` })).rejects.toThrow('nobody holds');
  });

  it('may have any id', async () => {
    await place.lock('a/b', 'a');
    expect(await ask(place.node, 'lease-release', { name: 'mneme/a/b' })).toMatchObject({ holder: 'a' });
  });
});
