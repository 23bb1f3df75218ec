import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteRole, refuseOtherRole, roleOf } from '../../src/node/node-role.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('what a store is', () => {
  it('shows by what is in it, also where nobody noted it', async () => {
    let hub = await place.start('hub', { hub: true });
    expect(await roleOf(hub)).toBe(null);
    const a = await place.start('a', { live: false });
    expect(await roleOf(a)).toBe(null);
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    expect([await roleOf(hub), await roleOf(a)]).toEqual(['hub', 'work']);
    await expect(refuseOtherRole(a)).resolves.toBeUndefined();
    await place.stop('hub');
    hub = await place.start('hub', { live: false });
    await expect(refuseOtherRole(hub)).rejects.toMatchObject({ kind: 'refused', type: 'is-hub' });
    await expect(ask(hub, 'join', { link: 'x' })).rejects.toMatchObject({ type: 'is-hub' });
    expect((await ask(hub, 'status', {})).verdict).toContain('satchel up --hub');
    await ask(a, 'leave', { discard: true });
    expect(await roleOf(a)).toBe(null);
  });

  it('is what was noted of it, until that changes', async () => {
    const a = await place.start('a', { live: false });
    await noteRole(a, 'hub');
    expect(await roleOf(a)).toBe('hub');
    await expect(refuseOtherRole(a)).rejects.toMatchObject({ type: 'is-hub' });
    await noteRole(a, 'work');
    await expect(refuseOtherRole(a)).resolves.toBeUndefined();
  });
});
