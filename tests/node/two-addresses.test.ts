import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('a hub with two addresses', () => {
  it('is reached by each machine through the address that it was invited with', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    const [space] = a.spaces.keys();
    if (space === undefined) throw new Error('no space');
    expect(a.spaces.get(space)?.entry.remote?.address).toContain('127.0.0.1');

    const b = await place.start('b', { live: false });
    const link = (await ask(a, 'invite', {})).link.replace('127.0.0.1', 'localhost');
    await ask(b, 'join', { link });
    for (let round = 0; round < 3; round += 1) {
      await ask(b, 'sync', {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(b.spaces.get(space)?.entry.remote?.address).toContain('localhost');
  });
});
