import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('a node whose space moves', () => {
  it('goes on watching once, not twice', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    const [first] = a.spaces.values();
    if (first === undefined) throw new Error('no space');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    expect(a.spaces.get(first.entry.space)).not.toBe(first);
    expect(first.watching.signal.aborted).toBe(true);
    expect(await Promise.all(first.watches)).toEqual(first.watches.map(() => undefined));

    await place.write('a', 'one\n');
    await ask(a, 'sync', {});
    const { commits } = await ask(a, 'log', { limit: 50 });
    expect(commits.flatMap(({ changes }) => changes).filter(({ item }) => item === 'CLAUDE.md')).toHaveLength(1);
  });
});
