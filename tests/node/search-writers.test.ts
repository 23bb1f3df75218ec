import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import type { IndexState } from '../../src/node/recall/index-state.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const found = async (node: SatchelNode, query: string, machine?: string): Promise<string[]> =>
  (await ask(node, 'search', { query, ...(machine === undefined ? {} : { machine }) })).hits.map((hit) => `${hit.item} ${hit.machine}`);

describe('who a search says wrote a file', () => {
  it('is who wrote the version that is found, not the one that made the file', async () => {
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    const first = (await ask(a, 'machines', {})).machines.find(({ name }) => name !== 'bee')?.name ?? '';
    await place.write('a', 'Feed the walrus.\n', 'rules/a.md');
    for (const node of [a, b]) await ask(node, 'sync', {});
    for (const node of [a, b]) expect(await found(node, 'walrus')).toEqual([`rules/a.md ${first}`]);
    await place.write('b', 'Feed the walrus.\nTwice.\n', 'rules/a.md');
    for (const node of [b, a]) await ask(node, 'sync', {});
    for (const node of [a, b]) {
      expect(await found(node, 'walrus')).toEqual(['rules/a.md bee']);
      expect(await found(node, 'walrus', 'bee')).toEqual(['rules/a.md bee']);
      expect(await found(node, 'walrus', first)).toEqual([]);
    }
  });

  it('is told anew by an index that held who made it', async () => {
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await place.write('a', 'Feed the walrus.\n', 'rules/a.md');
    await ask(a, 'sync', {});
    const [expected] = await found(a, 'walrus');
    const [space] = [...a.spaces.keys()];
    if (space === undefined) throw new Error('there is no space');
    await a.recall.use(
      async (index) => {
        const { origins: _, ...before } = JSON.parse((await index.mark(space)) ?? '') as IndexState;
        const changes = [...(await index.held(space)).values()].map((held) => ({
          type: 'put' as const,
          held: { ...held, machine: null },
          keep: held.passages,
          passages: [],
        }));
        await index.write(space, changes, JSON.stringify(before));
      },
      () => undefined,
    );
    expect(await found(a, 'walrus')).toEqual([expected]);
    expect(expected).not.toContain('?');
  });
});
