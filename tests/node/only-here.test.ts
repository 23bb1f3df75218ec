import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('a space that is moved to a node which listens on its own machine only', () => {
  it('says so where others are members, in doctor as well, and not where nobody is', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    expect(await ask(a, 'space-move', { space: 'personal', remote: 'here' })).toMatchObject({ moved: true, only_here: false });
    await ask(a, 'space-move', { space: 'personal', remote: hub.address ?? '' });
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
    expect(await ask(a, 'space-move', { space: 'personal', remote: 'here' })).toMatchObject({ moved: true, only_here: true });
    expect(await ask(a, 'space-move', { space: 'personal', remote: 'here' })).toMatchObject({ moved: false, only_here: true });
    const check = (await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'space.remote:personal');
    expect(check).toMatchObject({ result: 'warn', reason: expect.stringContaining('this machine only') });
    expect(await ask(a, 'space-move', { space: 'personal', remote: hub.address ?? '' })).toMatchObject({ only_here: false });
  });
});
