import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('names of machines that are gone', () => {
  it('are given to no other one, whether they left or were revoked', async () => {
    const a = await place.start('a');
    const join = async (machine: string) => {
      const node = await place.start(machine, { live: false });
      const { name } = await ask(node, 'join', { link: (await ask(a, 'invite', {})).link, name: 'pc' });
      return { node, name, id: node.deps.machine.key.machine };
    };
    const b = await join('b');
    expect(b.name).toBe('pc');
    await ask(b.node, 'leave', {});
    await ask(a, 'sync', {});
    const c = await join('c');
    expect(c.name).toBe('pc-2');
    await ask(a, 'machine-revoke', { machine: 'pc-2' });
    const d = await join('d');
    expect(d.name).toBe('pc-3');
    // The one that it was may have it again.
    const again = await ask(b.node, 'join', { link: (await ask(a, 'invite', {})).link, name: 'pc' });
    expect([again.name, b.id]).toEqual(['pc', b.node.deps.machine.key.machine]);
  });

  it('mean whoever left by that name, and are asked for by id where several fit, in whatever space', async () => {
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'pc' });
    const plan = await ask(b, 'leave-plan', {});
    expect(plan.machine).toEqual({ id: b.deps.machine.key.machine, name: 'pc' });
    await ask(b, 'leave', {});
    await ask(a, 'sync', {});
    await ask(a, 'machine-rename', { machine: a.deps.machine.key.machine, name: 'PC' }).catch(() => undefined);
    const [self, gone] = [a, b].map((node) => node.deps.machine.key.machine.slice(0, 12));
    await expect(ask(a, 'machine-revoke', { machine: 'pc' })).rejects.toThrow(
      new RegExp(`^2 machines are called pc: (?=.*${self} PC \\(this one\\))(?=.*${gone} pc \\(left\\))`),
    );
    await ask(a, 'machine-rename', { machine: self as string, name: 'other' });
    expect(await ask(a, 'machine-revoke', { machine: 'pc' })).toMatchObject({ id: b.deps.machine.key.machine });
  });
});
