import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

describe('the history of an item', () => {
  let place: Place;
  let node: SatchelNode;

  const scan = async (): Promise<void> => {
    for (const { sources } of node.spaces.values()) for (const { source } of sources) await source.scan();
  };
  const sync = async (): Promise<void> => {
    await scan();
    await ask(node, 'sync', {});
  };
  const remove = async (name = 'CLAUDE.md'): Promise<void> => {
    await rm(path.join(place.home('a'), '.claude', name));
    await sync();
  };
  const write = async (text: string, name = 'CLAUDE.md'): Promise<void> => {
    await place.write('a', text, name);
    await sync();
  };

  beforeEach(async () => {
    place = await Place.create();
    node = await place.start('a', { live: false });
    await node.ensurePersonalSpace();
  });
  afterEach(() => place.dispose());

  it('restores the version before, and undoes that by the same command', async () => {
    await write('one\n');
    await write('two\n');
    expect(await ask(node, 'restore', { item: 'CLAUDE.md' })).toMatchObject({ item: 'CLAUDE.md', deleted: false, changed: true });
    expect(await place.read('a')).toBe('one\n');
    await sync();
    await ask(node, 'restore', { item: 'CLAUDE.md' });
    expect(await place.read('a')).toBe('two\n');
  });

  it('restores what was deleted, and never deletes what was made again', async () => {
    await write('one\n');
    await remove();
    await ask(node, 'restore', { item: 'CLAUDE.md' });
    expect(await place.read('a')).toBe('one\n');
    await sync();
    await remove();
    await write('two\n');
    await ask(node, 'restore', { item: 'CLAUDE.md' });
    expect(await place.read('a')).toBe('one\n');
  });

  it('says of which versions the bodies were erased, or pruned, and of no other', async () => {
    const gone = async (item: string): Promise<(string | null)[]> =>
      (await ask(node, 'log', { item })).commits.flatMap(({ changes }) => changes.map(({ type, gone: how }) => `${type} ${how}`));
    // One commit: their bodies lie in one bundle, from which one is cut.
    await place.write('a', 'kept\n', 'rules/kept.md');
    await write('one\n');
    await write('two\n');
    expect(await gone('CLAUDE.md')).toEqual(['put null', 'put null']);
    await ask(node, 'forget', { items: ['CLAUDE.md'] });
    expect(await gone('CLAUDE.md')).toEqual(['delete null', 'put erased', 'put erased']);
    expect(await gone('rules/kept.md')).toEqual(['put null']);
    await write('three\n', 'rules/kept.md');
    await ask(node, 'prune', { older_than_days: 0 });
    expect(await gone('rules/kept.md')).toEqual(['put null', 'put pruned']);
  });

  it('says of a revision in the place of an item how that version alone is forgotten', async () => {
    await write('one\n');
    await write('two\n');
    const { commits } = await ask(node, 'log', { item: 'CLAUDE.md' });
    const revision = commits.at(-1)?.changes[0]?.revision.slice(0, 8) ?? '';
    await expect(ask(node, 'forget', { items: [revision] })).rejects.toMatchObject({
      type: 'no-item',
      next: `To erase that version alone: satchel forget CLAUDE.md --revision ${revision}`,
    });
  });

  it('restores behind what was only drafted', async () => {
    await write('one\n');
    await place.write('a', 'two\n');
    await scan();
    expect(await ask(node, 'diff', { item: 'CLAUDE.md' })).toMatchObject({ before: 'one\n', after: 'two\n', to: null });
    await ask(node, 'restore', { item: 'CLAUDE.md' });
    expect(await place.read('a')).toBe('one\n');
  });

  it('refuses where there is nothing to restore', async () => {
    await write('one\n');
    await expect(ask(node, 'restore', { item: 'CLAUDE.md' })).rejects.toMatchObject({ kind: 'usage', type: 'no-earlier' });
    await expect(ask(node, 'restore', {})).rejects.toMatchObject({ kind: 'usage', type: 'no-item' });
    await expect(ask(node, 'restore', { item: 'nothing.md' })).rejects.toMatchObject({ kind: 'usage', type: 'no-item' });
    await expect(ask(node, 'restore', { revision: '00000000' })).rejects.toMatchObject({ kind: 'usage', type: 'no-revision' });
  });

  it('pages through the log without leaving a change out', async () => {
    for (const text of ['1\n', '2\n', '3\n', '4\n', '5\n']) await write(text);
    for (const item of [{}, { item: 'CLAUDE.md' }]) {
      const whole = (await ask(node, 'log', { ...item, limit: 100 })).commits.flatMap(({ changes }) => changes.map((c) => c.revision));
      const paged: string[] = [];
      let before: number | null | undefined;
      while (before !== null) {
        const page = await ask(node, 'log', { ...item, limit: 2, ...(before === undefined ? {} : { before }) });
        paged.push(...page.commits.flatMap(({ changes }) => changes.map((c) => c.revision)));
        before = page.next;
      }
      expect(paged).toEqual(whole);
      expect(whole).toHaveLength(5);
    }
  });

  it('lists what lies under a folder, by its name or its path', async () => {
    await write('other\n');
    await write('one\n', 'rules/a.md');
    await write('two\n', 'rules/deep/b.md');
    await remove('rules/a.md');
    const namesOf = async (item: string): Promise<string[]> =>
      (await ask(node, 'log', { item })).commits.flatMap(({ changes }) => changes.map((change) => `${change.type} ${change.item}`));
    const under = ['delete rules/a.md', 'put rules/deep/b.md', 'put rules/a.md'];
    expect(await namesOf('rules/')).toEqual(under);
    expect(await namesOf(`${path.join(place.home('a'), '.claude', 'rules')}/`)).toEqual(under);
    expect((await namesOf(`${path.join(place.home('a'), '.claude')}/`)).filter((name) => name.includes('md'))).toHaveLength(4);
    await place.write('a', 'draft\n', 'rules/c.md');
    await scan();
    expect(await namesOf('rules/')).toEqual(['put rules/c.md', ...under]);
    await expect(ask(node, 'log', { item: 'nothing/' })).rejects.toMatchObject({ kind: 'usage', type: 'no-item' });
    await expect(ask(node, 'log', { item: 'rules' })).rejects.toMatchObject({
      next: expect.stringContaining('satchel log rules/') as string,
    });
    const first = await ask(node, 'log', { item: 'rules/', limit: 1 });
    expect(first.commits.flatMap(({ changes }) => changes.map((change) => change.item))).toEqual(['rules/c.md', 'rules/a.md']);
    const rest = await ask(node, 'log', { item: 'rules/', before: first.next ?? 0 });
    expect(rest.commits.flatMap(({ changes }) => changes.map((change) => change.item))).toEqual(['rules/deep/b.md', 'rules/a.md']);
  });

  it('finds a deleted item among many of its kind', async () => {
    const rules = path.join(place.home('a'), '.claude', 'rules');
    await mkdir(rules);
    for (const name of ['m', ...Array.from({ length: 120 }, (_, i) => `m${i}`)]) await writeFile(path.join(rules, `${name}.md`), 'x\n');
    await sync();
    await remove('rules/m.md');
    expect(await ask(node, 'show', { item: 'rules/m.md' })).toMatchObject({ deleted: true });
    await ask(node, 'restore', { item: 'rules/m.md' });
    expect(await place.read('a', 'rules/m.md')).toBe('x\n');
  });
});
