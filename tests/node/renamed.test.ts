import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const listed = async (node: SatchelNode): Promise<string[]> => (await ask(node, 'machines', {})).machines.map(({ name }) => name);
const calledItself = async (node: SatchelNode): Promise<string[]> => [
  node.deps.machine.name,
  (await ask(node, 'status', {})).machine.name,
  (await ask(node, 'leave-plan', {})).machine.name,
];

/** A machine that invited the other, and that one, which is called pc. */
async function two({ role = 'owner' }: { role?: 'owner' | 'writer' } = {}): Promise<[SatchelNode, SatchelNode]> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', { role })).link, name: 'pc' });
  return [a, b];
}

describe('a machine that another one called otherwise', () => {
  it('calls itself so from then on: in its links, in its commands, after a start, and when it leaves', async () => {
    const [a, b] = await two();
    await ask(a, 'machine-rename', { machine: 'pc', name: 'laptop' });
    await ask(b, 'sync', {});
    expect(await calledItself(b)).toEqual(['laptop', 'laptop', 'laptop']);
    const c = await place.start('c', { live: false });
    const joining = ask(c, 'join', { link: (await ask(b, 'invite', {})).link, name: 'third' });
    let joined: Awaited<typeof joining> | null = null;
    void joining.then((result) => (joined = result));
    await expect.poll(async () => b.invitations.lookOnce().then(() => joined)).toMatchObject({ inviter: 'laptop', name: 'third' });
    expect((await listed(c)).slice(1)).toEqual(['laptop', 'third']);

    await place.stop('b');
    const again = await place.start('b', { live: false });
    expect(again.deps.machine.name).toBe('laptop');
    await ask(again, 'leave', {});
    await ask(a, 'sync', {});
    expect((await listed(a)).slice(1)).toEqual(['laptop (left)', 'third']);
  });

  it('does so where its store was made before this was followed', async () => {
    const [a, b] = await two();
    await ask(a, 'machine-rename', { machine: 'pc', name: 'laptop' });
    await ask(b, 'sync', {});
    await place.stop('b');
    const file = path.join(place.home('b'), '.satchel/keys/machine.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"laptop"', '"pc"'));
    expect((await place.start('b', { live: false })).deps.machine.name).toBe('laptop');
  });

  it('hears of it by itself, also where it keeps the log for the others', async () => {
    const [a, b] = await two();
    await ask(b, 'machine-rename', { machine: a.deps.machine.key.machine, name: 'desk' });
    await expect.poll(() => a.deps.machine.name).toBe('desk');
  });

  it('is not called so by itself alone', async () => {
    const [a, b] = await two({ role: 'writer' });
    await expect(ask(b, 'machine-rename', { machine: 'pc', name: 'mine' })).rejects.toMatchObject({ type: 'not-owner' });
    expect([b.deps.machine.name, (await listed(b)).at(-1)]).toEqual(['pc', 'pc']);
    await ask(a, 'machine-rename', { machine: a.deps.machine.key.machine, name: 'first' });
    expect([a.deps.machine.name, (await listed(a))[0]]).toEqual(['first', 'first']);
  });
});

it('a hub that is joined under a name has the machine called so by all', async () => {
  const [a, b] = await two();
  const hub = await place.start('hub', { hub: true });
  const { name } = await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link, name: 'desk' });
  await ask(b, 'sync', {});
  expect([name, a.deps.machine.name, (await listed(b))[0]]).toEqual(['desk', 'desk', 'desk']);
});
