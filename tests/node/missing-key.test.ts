import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretToWords } from '../../src/core/joining/words.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** A machine that lost its keys, with all kinds of things in its home, and the words that were written down. */
async function keyless(at: 'here' | 'hub'): Promise<{ a: SatchelNode; words: string; address: string }> {
  const hub = at === 'hub' ? await place.start('hub', { hub: true }) : null;
  let a = await place.start('a');
  await place.write('a', 'kept\n');
  await place.write('a', '{"model":"x","hooks":{"Stop":[{"hooks":[{"type":"command","command":"true"}]}]}}\n', 'settings.json');
  if (hub !== null) await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
  await ask(a, 'sync', {});
  const [open] = a.spaces.values();
  const secret = open === undefined ? null : await readRecoverySecret(a.home, open.entry.space);
  if (secret === null) throw new Error('no recovery secret');
  const { home } = a;
  await place.stop('a');
  await rm(path.join(home.keys, 'machine.json'));
  await rm(path.join(home.keys, 'opened.json'), { force: true });
  await place.write('a', 'edited meanwhile\n');
  a = await place.start('a');
  return { a, words: secretToWords(secret), address: hub?.address ?? 'here' };
}

describe('a machine that has a space’s log, and no key of it', () => {
  it.each(['here', 'hub'] as const)('runs, says so, and which command leads out, where its home is %s', async (at) => {
    const { a, words, address } = await keyless(at);
    const wayOut = `satchel keys recover ${address}`;
    const status = await ask(a, 'status', {});
    expect(status.verdict).toMatch(/^Not syncing: this machine holds no key of it/);
    expect(status.verdict).toContain(wayOut);
    expect(status.spaces).toMatchObject([{ problem_type: 'no-key', remedy: expect.stringContaining('satchel join'), pending: 0 }]);
    expect(status.spaces[0]?.items).toBeGreaterThan(0);
    const bad = (await ask(a, 'doctor', {})).checks.filter(({ result }) => result === 'fail');
    expect(bad.map(({ id }) => id)).toContain('space.keys:personal');
    for (const { next_step: next } of bad) expect(next).not.toContain('satchel doctor');
    expect(bad.find(({ id }) => id === 'space.keys:personal')?.next_step).toContain(wayOut);
    for (const failing of [() => ask(a, 'sync', {}), () => ask(a, 'log', {})])
      await expect(failing()).rejects.toMatchObject({ type: 'no-key', next: expect.stringContaining(wayOut) });
    expect((await ask(a, 'pending', {})).pending).toEqual([]);
    expect(await place.read('a')).toBe('edited meanwhile\n');

    await ask(a, 'recover', { at: address, words });
    await ask(a, 'sync', {});
    const after = await ask(a, 'status', {});
    expect(after.spaces).toMatchObject([{ name: 'personal', problem: null, remedy: null }]);
    expect((await ask(a, 'show', { item: 'CLAUDE.md' })).body).toBe(await place.read('a'));
    expect((await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'space.keys:personal')?.result).toBe('ok');
  });

  it('recovers here only what is ordered here and lacks its key', async () => {
    const a = await place.start('a');
    const [open] = a.spaces.values();
    const secret = open === undefined ? null : await readRecoverySecret(a.home, open.entry.space);
    const words = secretToWords(secret ?? new Uint8Array(32));
    await expect(ask(a, 'recover', { at: 'here', words })).rejects.toMatchObject({ type: 'nothing-to-recover' });
    expect((await ask(a, 'sync', {})).spaces).toHaveLength(1);
  });
});
