import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { join } from '../../src/node/join.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

/** `join` is killed at some moment after it asked to be let in, and run again with what the person still has: the same link, or words. */
describe('joining again after an interruption', () => {
  let place: Place;
  let a: SatchelNode;
  beforeEach(async () => {
    place = await Place.create();
    a = await place.start('a');
    await place.write('a', 'one\n');
    await ask(a, 'sync', {});
  });
  afterEach(() => place.dispose());

  const members = () => [...(a.spaces.values().next().value?.replica.membership.members.keys() ?? [])];
  const isAnswered = () => until('it is let in', async () => members().length === 2 && (await a.invitations.open()).length === 0);

  /** As far as the letter that asks: nothing else of it is durable on a machine that is killed then. */
  async function beginJoining(wish: { readonly link?: string; readonly words?: string; readonly address?: string }): Promise<void> {
    const b = await place.start('b', { live: false });
    const joining = join(b, { link: null, words: null, address: null, name: 'bea', ...wish }, () => undefined, AbortSignal.abort());
    await expect(joining).rejects.toMatchObject({ type: 'interrupted', next: expect.stringContaining('the same link') });
    await place.stop('b');
  }

  it('works with the same link, whether the answer is there already or not', async () => {
    const { link } = await ask(a, 'invite', {});
    await beginJoining({ link });
    await beginJoining({ link });
    await isAnswered();
    const b = await place.start('b', { live: false });
    const joined = await ask(b, 'join', { link, name: 'other' });
    expect(joined).toMatchObject({ joined: 'space', name: 'bea', asked_name: 'bea', items: 1 });
    expect(await place.read('b')).toBe('one\n');
    // Once more, where it is done.
    expect(await ask(b, 'join', { link })).toMatchObject({ joined: 'space', name: 'bea' });
    expect(members()).toEqual([a.deps.machine.key.machine, b.deps.machine.key.machine]);
  });

  it('works with the same words', async () => {
    const { words, address } = await ask(a, 'invite', {});
    await beginJoining({ words, address });
    await isAnswered();
    const b = await place.start('b', { live: false });
    expect(await ask(b, 'join', { words, address })).toMatchObject({ joined: 'space', name: 'bea' });
  });

  it('keeps the link from everybody else all the same', async () => {
    const { link } = await ask(a, 'invite', {});
    await beginJoining({ link });
    await isAnswered();
    const c = await place.start('c', { live: false });
    await expect(ask(c, 'join', { link })).rejects.toMatchObject({ kind: 'refused', type: 'used-link' });
    expect(members()).toHaveLength(2);
  });

  it('works with a hub’s link', async () => {
    const hub = await place.start('hub', { hub: true });
    const { link } = await ask(hub, 'invite', {});
    await beginJoining({ link });
    await until('it is let in', async () => (await hub.invitations.open()).length === 0);
    const b = await place.start('b', { live: false });
    expect(await ask(b, 'join', { link })).toMatchObject({ joined: 'hub' });
  });
});
