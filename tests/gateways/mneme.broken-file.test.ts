import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../node/place.ts';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace;
let onlooker: string;
beforeAll(async () => {
  place = await MnemePlace.create();
  ({ token: onlooker } = await place.node.mneme.tokens.add('onlooker', { projects: null }));
});
afterAll(() => place.close());

const content = async (project: string, file: string): Promise<unknown> =>
  (await place.get(project, file, { key: onlooker })).body['content'];

/** A whole session of the client, which pushes this. */
async function session(project: string, client: string, file: string, body: string): Promise<number> {
  await place.lock(project, client);
  const { status } = await place.put(project, file, body, client);
  await place.unlock(project, client);
  return status;
}

describe('a file that its client could not read', () => {
  it('is kept beside what is there, and takes nothing away, whatever comes after it', async () => {
    await session('broken', 'a', 'remembered.json', '["one","two"]');
    expect(await session('broken', 'a', 'remembered.json', '["one",')).toBe(200);
    expect(await content('broken', 'remembered.json')).toBe('["one","two"]');
    expect((await ask(place.node, 'status', {})).spaces[0]?.conflicts).toBe(1);
    // The client took it for empty.
    expect(await session('broken', 'a', 'remembered.json', '["three"]')).toBe(200);
    expect(JSON.parse(String(await content('broken', 'remembered.json')))).toEqual(['one', 'two', 'three']);
  });

  it('stands where nothing else is there, until one comes that can be read', async () => {
    for (const body of ['', '{"files"', '[]']) {
      expect(await session('new', 'a', 'entities.json', body)).toBe(200);
      expect(await content('new', 'entities.json')).toBe(body);
    }
    const good = '{"files":{"a.ts":{"mentions":1,"lastSeen":"t","contexts":[]}}}';
    expect(await session('new', 'b', 'entities.json', good)).toBe(200);
    expect(await content('new', 'entities.json')).toBe(good);
    expect((await ask(place.node, 'conflicts', {})).conflicts.filter(({ item }) => item.startsWith('mneme/new/'))).toEqual([]);
  });

  it('may be a summary that nothing can be rendered from: then a client’s own stands', async () => {
    for (const file of ['summary.json', 'summary.md']) expect(await session('plain', 'a', file, 'words')).toBe(200);
    for (const file of ['summary.json', 'summary.md']) expect(await content('plain', file)).toBe('words');
    const summary = '{"projectContext":"it is","keyDecisions":[],"currentState":[],"recentWork":[],"lastUpdated":null,"lastEntryIndex":0}';
    await session('plain', 'a', 'summary.json', summary);
    expect(await content('plain', 'summary.md')).toContain('it is');
  });
});
