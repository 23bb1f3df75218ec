import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

async function configure(machine: string, settings: object): Promise<void> {
  const home = path.join(place.home(machine), '.satchel');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(path.join(home, 'config.json'), JSON.stringify(settings), { mode: 0o600 });
}

/** The status that a request to the hub's own port is answered with. */
function statusOf(address: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${address}/v1/hub`, { headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a hub behind a proxy', () => {
  it('is known by its public address, and takes forwarding headers from that proxy alone', async () => {
    await configure('hub', { hub: true, publicUrl: 'https://hub.example.org', proxies: ['127.0.0.1'] });
    const hub = await place.start('hub');
    expect(hub.descriptor()).toEqual({ address: 'https://hub.example.org', hubKey: hub.deps.machine.key.machine });
    expect((await ask(hub, 'invite', {})).link).toContain('hub.example.org');
    const address = hub.address ?? '';
    const forwarded = { host: 'hub.example.org', 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' };
    expect(await statusOf(address, forwarded)).toBe(200);
    expect(await statusOf(address, { ...forwarded, 'x-forwarded-proto': 'http' })).toBe(403);
    expect(await statusOf(address, { ...forwarded, host: 'other.example.org' })).toBe(421);

    await configure('plain', { hub: true });
    const plain = await place.start('plain');
    expect(await statusOf(plain.address ?? '', { ...forwarded, host: '127.0.0.1' })).toBe(400);
  });

  it.each([
    [{ publicUrl: 'hub.example.org' }, 'publicUrl'],
    [{ publicUrl: 'https://hub.example.org/satchel' }, 'publicUrl'],
    [{ publicUrl: 'https://ada@hub.example.org' }, 'publicUrl'],
    [{ proxies: ['proxy.example.org'] }, 'proxies[0]'],
  ])('refuses %j', async (settings, key) => {
    await configure('hub', settings);
    const environment = readEnvironment({ HOME: place.home('hub') });
    if (!environment.ok) throw new Error('bad environment');
    expect(await loadConfig(environment.value)).toMatchObject({ ok: false, error: [{ key }] });
  });
});
