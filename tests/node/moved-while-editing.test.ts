import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HomeMoved } from '../../src/core/replica/administer.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import type { OpenSpace } from '../../src/node/open-space.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Three machines at one of two homes, and where the other home is. */
async function atFirstHome(live: boolean) {
  const [one, two] = ['one', 'two'].map((name) => path.join(place.root, name)) as [string, string];
  for (const stick of [one, two]) await mkdir(stick, { recursive: true });
  const a = await place.start('a');
  await ask(a, 'remote-add', { remote: one });
  await ask(a, 'remote-add', { remote: two });
  await ask(a, 'space-move', { space: 'personal', remote: one });
  const b = await place.start('b', { live });
  const c = await place.start('c', { live });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'b' });
  await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'c' });
  return { a, c, one, two };
}

function spaceOf(node: SatchelNode): OpenSpace {
  const [open] = node.spaces.values();
  if (open === undefined) throw new Error('no space');
  return open;
}

it.each(['first reads of it then', 'read of it before, and died'])(
  'a machine with something to send whose home was moved, and %s, sends nothing to the one that was left',
  async (when) => {
    const { a, c, one, two } = await atFirstHome(false);
    await place.stop('b');
    await ask(a, 'space-move', { space: 'personal', remote: two });
    const left = await spaceOf(a).replica.head();
    await place.write('b', 'of b\n', 'rules/b.md');
    await place.write('c', 'of c\n', 'rules/c.md');
    await ask(c, 'sync', {});

    let again = await place.start('b', { live: false });
    if (when !== 'first reads of it then') {
      await expect(spaceOf(again).runner.syncNow()).rejects.toThrow(HomeMoved);
      await place.stop('b'); // before it could follow
      again = await place.start('b', { live: false });
    }
    await ask(again, 'sync', {});
    const { entry } = spaceOf(again);
    const was = await again.openRemote({ ...entry, remote: { address: `folder:${one}` } });
    expect((await was.head(entry.space))?.position).toBe(left?.position);
    await was.close();
    expect((await ask(again, 'status', {})).spaces[0]).toMatchObject({ remote: `folder:${two}`, problem: null });
    await ask(a, 'sync', {});
    for (const name of ['b', 'c']) expect(await place.read('a', `rules/${name}.md`)).toBe(`of ${name}\n`);
    expect(await place.read('b', 'rules/c.md')).toBe('of c\n');
  },
);

it('machines that write all the while go on at the new home, all with everything', async () => {
  const { a, two } = await atFirstHome(true);
  let isOver = false;
  let count = 0;
  const writing = (async () => {
    for (; !isOver; count++) {
      for (const name of ['a', 'b', 'c']) await place.write(name, `${name} ${count}\n`, `rules/${name}.md`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await until('something was written', () => Promise.resolve(count > 5));
  await ask(a, 'space-move', { space: 'personal', remote: two });
  const moved = count;
  await until('more was written', () => Promise.resolve(count > moved + 10));
  isOver = true;
  await writing;
  const last = ['a', 'b', 'c'].map((name) => `${name} ${count - 1}\n`);
  for (const at of ['a', 'b', 'c'])
    await until(`${at} has all`, async () => {
      const texts = await Promise.all(['a', 'b', 'c'].map((name) => place.read(at, `rules/${name}.md`).catch(() => '')));
      return texts.join() === last.join();
    });
});
