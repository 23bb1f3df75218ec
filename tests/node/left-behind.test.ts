import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../e2e/machine.ts';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('a machine that had a space of its own before it joined', () => {
  it('tells how its personal space is, what waits there, and which recovery key is whose', async () => {
    const a = await place.start('a');
    await place.write('a', 'of a\n');
    await ask(a, 'sync', {});
    await place.write('b', 'of b\n');
    const b = await place.start('b');
    await ask(b, 'sync', {});
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    const whole = /^In sync with 127\.0\.0\.1:\d+, \d+ s ago; 1 approval waits \(satchel pending\), 1 conflict \(satchel conflicts\)$/;
    await until('line 1 says it all', async () => whole.test((await ask(b, 'status', {})).verdict));

    const { spaces } = await ask(b, 'status', {});
    const [mine, left] = spaces;
    expect([mine?.name, left?.name.slice(0, 15)]).toEqual(['personal', 'before-joining-']);

    const { checks } = await ask(b, 'doctor', {});
    const recovery = (name: string | undefined) => checks.find(({ id }) => id === `space.recovery:${name}`);
    expect(recovery('personal')).toMatchObject({ result: 'ok', reason: expect.stringContaining('waits on the one that made it') });
    expect(recovery(left?.name)).toMatchObject({ severity: 'low', next_step: `Run: satchel keys recovery --space ${left?.name}` });
    const ofMaker = (await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'space.recovery:personal');
    expect(ofMaker).toMatchObject({ result: 'warn', severity: 'medium', next_step: 'Run: satchel keys recovery' });
  });

  it.each([true, false])('keeps nothing of one that held nothing, whether its node runs or not: %s', async (live) => {
    const a = await place.start('a');
    await place.write('a', 'of a\n');
    await ask(a, 'sync', {});
    const b = await place.start('b', { live });
    const { entry } = await b.ensurePersonalSpace();
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    expect([...b.spaces.values()].map((open) => open.entry.name)).toEqual(['personal']);
    expect(await b.store.read((tx) => tx.logs.spaces())).not.toContain(entry.space);
    expect(await readRecoverySecret(b.home, entry.space)).toBeNull();
  });
});
