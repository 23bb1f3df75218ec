import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Machine a, whose node orders the log, and others that joined it. */
async function machines(...others: string[]): Promise<SatchelNode[]> {
  const a = await place.start('a');
  const joined: SatchelNode[] = [];
  for (const name of others) {
    const node = await place.start(name, { live: false });
    await ask(node, 'join', { link: (await ask(a, 'invite', {})).link, name });
    joined.push(node);
  }
  return [a, ...joined];
}

async function syncAll(nodes: readonly SatchelNode[]): Promise<void> {
  for (const node of [...nodes, ...nodes]) await ask(node, 'sync', {});
}

/** What each machine wrote while it saw nothing of the others: the first one's is in place, the others' are kept beside it. */
async function apart(nodes: readonly SatchelNode[], name: string, first: string, texts: Readonly<Record<string, string>>): Promise<void> {
  await place.write('a', first, name);
  await syncAll(nodes);
  for (const [machine, text] of Object.entries(texts)) await place.write(machine, text, name);
  await syncAll(nodes);
}

describe('an item with several versions beside the one in place', () => {
  it('is settled one by one, from whichever machine, and the others stay open', async () => {
    const nodes = await machines('b', 'c', 'd');
    const [a, b] = nodes as [SatchelNode, SatchelNode];
    await apart(nodes, 'CLAUDE.md', 'base\n', { a: 'of a\n', b: 'of b\n', c: 'of c\n', d: 'of d\n' });
    const open = async (node: SatchelNode): Promise<string[]> => {
      const { conflicts } = await ask(node, 'conflicts', {});
      const bodies = conflicts.map(({ sibling }) => ask(node, 'show', { revision: sibling }));
      return (await Promise.all(bodies)).map(({ body }) => body).toSorted();
    };
    const idOf = async (node: SatchelNode, body: string): Promise<string> => {
      for (const { sibling } of (await ask(node, 'conflicts', {})).conflicts)
        if ((await ask(node, 'show', { revision: sibling })).body === body) return sibling.slice(0, 8);
      throw new Error(`no version ${body}`);
    };
    const inPlace = await place.read('a');
    const beside = ['of a\n', 'of b\n', 'of c\n', 'of d\n'].filter((text) => text !== inPlace);
    const [first, second, third] = beside as [string, string, string];
    expect(await open(a)).toEqual(beside);

    for (const take of ['current', 'sibling', 'body'] as const)
      await expect(ask(a, 'resolve', { item: 'CLAUDE.md', take, body: '' })).rejects.toMatchObject({
        kind: 'usage',
        type: 'which-sibling',
        message: expect.stringMatching(/CLAUDE\.md has 3 other versions \((?:[0-9a-f]{8}(?:, )?){3}\)/),
      });
    await expect(ask(a, 'resolve', { item: 'CLAUDE.md', take: 'sibling', all: true })).rejects.toThrow('3 other versions');
    expect(await open(a)).toEqual(beside);

    const taken = await ask(b, 'resolve', { item: 'CLAUDE.md', take: 'sibling', sibling: await idOf(b, first) });
    expect(taken).toMatchObject({ settled: 1, left: 2, took: 'sibling' });
    await syncAll(nodes);
    for (const node of nodes) expect(await open(node)).toEqual([second, third]);
    for (const machine of ['a', 'b', 'c', 'd']) expect(await place.read(machine)).toBe(first);

    const dropped = await ask(a, 'resolve', { item: 'CLAUDE.md', take: 'current', sibling: await idOf(a, second) });
    expect(dropped).toMatchObject({ settled: 1, left: 1 });
    await syncAll(nodes);
    for (const node of nodes) expect(await open(node)).toEqual([third]);
    expect(await ask(b, 'resolve', { item: 'CLAUDE.md', take: 'current' })).toMatchObject({ settled: 1, left: 0 });
    await syncAll(nodes);
    for (const node of nodes) expect(await open(node)).toEqual([]);
    expect(await place.read('c')).toBe(first);
  });

  it('is settled as a whole where that is said', async () => {
    const nodes = await machines('b', 'c');
    const [a, , c] = nodes as [SatchelNode, SatchelNode, SatchelNode];
    await apart(nodes, 'CLAUDE.md', 'base\n', { a: 'of a\n', b: 'of b\n', c: 'of c\n' });
    const body = Buffer.from('of all\n').toString('base64');
    expect(await ask(c, 'resolve', { item: 'CLAUDE.md', take: 'body', body, all: true })).toMatchObject({ settled: 2, left: 0 });
    await syncAll(nodes);
    expect([await place.read('a'), (await ask(a, 'conflicts', {})).conflicts]).toEqual(['of all\n', []]);
  });
});

describe('a version that lacks something of the one in place', () => {
  const whole = { model: 'opus', env: { A: '1' }, permissions: { allow: ['Bash(ls)'], deny: ['Bash(rm:*)'] }, hooks: {} };
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

  it('says what, in JSON by key, before it is taken; and after, what brings it back', async () => {
    const a = await place.start('a');
    await place.write('a', json(whole), 'settings.json');
    await ask(a, 'sync', {});
    await place.write('b', json({ model: 'sonnet', permissions: { deny: ['Bash(rm:*)'] } }), 'settings.json');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'b' });
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await syncAll([a, b]);

    const lacks = ['env', 'permissions → allow', 'hooks'];
    const { conflicts } = await ask(a, 'conflicts', {});
    expect(conflicts).toMatchObject([{ item: 'settings.json', lacks: { keys: lacks, lines: 0 } }]);
    const before = await place.read('a', 'settings.json');
    const take = { item: 'settings.json', take: 'sibling' } as const;
    expect(await ask(a, 'resolve', { ...take, plan: true })).toMatchObject({ settled: 1, done: false, lost: { keys: lacks, lines: 0 } });
    expect(await place.read('a', 'settings.json')).toBe(before);
    expect((await ask(a, 'conflicts', {})).conflicts).toEqual(conflicts);

    const done = await ask(a, 'resolve', take);
    expect(done).toMatchObject({ done: true, lost: { keys: lacks, lines: 0 } });
    expect(JSON.parse(await place.read('a', 'settings.json'))).toEqual({ model: 'sonnet', permissions: { deny: ['Bash(rm:*)'] } });
    await ask(a, 'restore', { revision: done.replaced ?? '' });
    expect(JSON.parse(await place.read('a', 'settings.json'))).toEqual(whole);
  });

  it('says in lines what a text lacks', async () => {
    const nodes = await machines('b');
    const [a] = nodes as [SatchelNode];
    await apart(nodes, 'CLAUDE.md', 'one\n', { a: 'ONE\nextra\nmore\n', b: 'First\n' });
    const [conflict] = (await ask(a, 'conflicts', {})).conflicts;
    const lines = (await place.read('a')) === 'First\n' ? 1 : 3;
    expect(conflict).toMatchObject({ lacks: { keys: [], lines } });
    const kept = await ask(a, 'resolve', { item: 'CLAUDE.md', take: 'current' });
    expect(kept).toMatchObject({ settled: 1, lost: null, replaced: null });
  });
});
