import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const homes = async (node: SatchelNode): Promise<unknown> => (await ask(node, 'spaces', {})).spaces.map(({ remote }) => remote);

it('a machine goes over to another address of its hub by one link of it, an owner’s and those behind it alike', async () => {
  const before = await place.start('hub', { hub: true });
  const { port } = new URL((await ask(before, 'status', {})).address ?? '');
  const a = await place.start('a');
  await place.write('a', 'at the old address\n');
  await ask(a, 'join', { link: (await ask(before, 'invite', {})).link });
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  expect([await homes(a), await homes(b)]).toEqual([[`http://127.0.0.1:${port}`], [`http://127.0.0.1:${port}`]]);

  await place.stop('hub');
  const publicUrl = `http://localhost:${port}`;
  await writeFile(path.join(place.home('hub'), '.satchel', 'config.json'), JSON.stringify({ hub: true, publicUrl }), { mode: 0o600 });
  const hub = await place.start('hub', { hub: true, port: Number(port) });
  for (const machine of [a, b]) {
    expect(await ask(machine, 'join', { link: (await ask(hub, 'invite', {})).link })).toMatchObject({ joined: 'hub', remote: publicUrl });
    expect(await homes(machine)).toEqual([publicUrl]);
    await place.write('a', `${machine === a ? 'one' : 'both'} went over\n`);
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect(await place.read('b')).toBe(await place.read('a'));
  }
  expect((await ask(b, 'audit', {})).entries.map(({ op }) => op)).toEqual(['genesis', 'move', 'member', 'move']);
});
