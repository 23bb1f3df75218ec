import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HomeMoved } from '../../src/core/replica/administer.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

it.each(['first reads of it then', 'read of it before'])(
  'an owner whose home moved meanwhile revokes at the new one, and %s',
  async (when) => {
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    const { link } = await ask(a, 'invite', {});
    await ask(b, 'join', { link, name: 'b' });
    const c = await place.start('c', { live: false });
    await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'c' });
    await ask(b, 'sync', {});
    await place.stop('b');
    const stick = path.join(place.root, 'stick');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });

    let again = await place.start('b', { live: false });
    if (when === 'read of it before') {
      await expect(again.spaces.values().next().value?.runner.syncNow()).rejects.toThrow(HomeMoved);
      await place.stop('b'); // before it could follow
      again = await place.start('b', { live: false });
    }
    await ask(again, 'machine-revoke', { machine: 'c' });
    await ask(a, 'sync', {});
    const { machines } = await ask(a, 'machines', {});
    expect(machines.map(({ name }) => name)).not.toContain('c');
    await ask(again, 'sync', {});
    expect((await ask(again, 'status', {})).spaces[0]?.remote).toBe(`folder:${stick}`);
  },
);
