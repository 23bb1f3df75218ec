import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

/** The home is gone for good, so that no record there can send anybody to the new one. */
describe('following a space whose home was lost', () => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.create();
  });
  afterEach(() => place.dispose());

  it('is one paste on each other machine: a link of the space, which they are members of already', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await place.write('a', 'one\n');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    const b = await place.start('b', { live: false });
    const c = await place.start('c', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'b' });
    await ask(c, 'join', { link: (await ask(a, 'invite', { role: 'writer' })).link, name: 'c' });
    for (const node of [b, c]) await ask(node, 'sync', {});
    await rm(stick, { recursive: true });
    await place.write('b', 'b writes on\n', 'rules/b.md');
    await place.write('c', 'c writes on\n', 'rules/c.md');

    const moved = await ask(a, 'space-move', { space: 'personal', remote: 'here', lost: true });
    expect(moved).toMatchObject({
      moved: true,
      to_be_told: [
        { name: 'b', role: 'owner' },
        { name: 'c', role: 'writer' },
      ],
    });
    expect(await ask(b, 'join', { link: (await ask(a, 'invite', {})).link })).toMatchObject({ joined: 'space', role: 'owner', name: 'b' });
    expect(await ask(c, 'join', { link: (await ask(a, 'invite', { role: 'writer' })).link })).toMatchObject({ role: 'writer', name: 'c' });
    for (const node of [b, c, b]) await ask(node, 'sync', {});
    await until('a has both', async () => {
      await ask(a, 'sync', {});
      return (await Promise.all(['rules/b.md', 'rules/c.md'].map((name) => place.read('a', name).catch(() => null)))).every(Boolean);
    });
    expect(await place.read('b', 'rules/c.md')).toBe('c writes on\n');
    const { machines } = await ask(a, 'machines', {});
    expect(machines.map(({ name, role }) => `${name} ${role}`).slice(1)).toEqual(['b owner', 'c writer']);
  });

  it('takes nothing where the home is at its old place again, as after a restore', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'b' });
    const [{ remote } = { remote: null }] = (await ask(a, 'spaces', {})).spaces;
    expect(await ask(a, 'space-move', { space: 'personal', remote: remote ?? '', lost: true })).toMatchObject({
      moved: true,
      to_be_told: [],
    });
    expect(await ask(b, 'sync', {})).toMatchObject({ spaces: [{ name: 'personal' }] });
  });
});
