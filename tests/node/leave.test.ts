import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeConnection } from '../../src/node/claude-mem/connection.ts';
import { writeMnemeConnection } from '../../src/node/mneme/connection.ts';
import { nodeHome } from '../../src/node/home.ts';
import { checkHome } from '../../src/node/doctor/home-checks.ts';
import { purgeHome } from '../../src/node/purge-home.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('leaving', () => {
  it('tells the others, and takes no file', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await place.write('a', 'stays\n');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await writeFile(path.join(place.home('b'), '.claude', '.satchel-tmp-1'), '');
    expect((await ask(a, 'leave-plan', {})).spaces).toMatchObject([{ last: false }]);
    const result = await ask(b, 'leave', {});
    expect(result).toEqual({ left: [{ name: 'personal', told: true, why_not: null }], temporary_files: 1, claude_mem: null, mneme: null });
    expect(await place.read('b')).toBe('stays\n');
    await ask(a, 'sync', {});
    const { machines } = await ask(a, 'machines', {});
    expect(machines.map((machine) => [machine.name, machine.role]).find(([name]) => name === 'bee (left)')).toEqual([
      'bee (left)',
      'reader',
    ]);
    expect((await ask(b, 'spaces', {})).spaces).toEqual([]);
    expect((await ask(a, 'status', {})).spaces).toMatchObject([{ name: 'personal', machines: 1 }]);
    // Whoever left is a member no more, for this.
    expect((await ask(a, 'leave-plan', {})).spaces).toMatchObject([
      { last: true, only_here: false, remote: expect.stringContaining(stick) },
    ]);
    expect((await ask(a, 'leave', {})).left).toEqual([{ name: 'personal', told: false, why_not: 'there is no other machine' }]);
  });

  it('gives claude-mem back its settings', async () => {
    const a = await place.start('a', { live: false });
    const folder = path.join(place.home('a'), '.claude-mem');
    const file = path.join(folder, 'settings.json');
    await mkdir(folder);
    await writeFile(file, '{"CLAUDE_MEM_MODEL": "x"}\n');
    const settings = {
      CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'cmem_x',
      CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me',
      CLAUDE_MEM_CLOUD_SYNC_HUB_URL: 'http://127.0.0.1:4600/claude-mem',
    };
    expect(await writeConnection(a.home, folder, settings, null)).toMatchObject({ ok: true });
    expect((await ask(a, 'leave', { discard: true })).claude_mem).toEqual({ file, why_not: null, left: [], kept: null });
    expect(await readFile(file, 'utf8')).toBe('{"CLAUDE_MEM_MODEL": "x"}\n');
  });

  it('gives mneme back its settings', async () => {
    const a = await place.start('a', { live: false });
    const server = { url: 'http://127.0.0.1:3847', key: 'mneme_x', tokenId: null };
    const connected = await writeMnemeConnection(a.home, place.home('a'), server);
    const file = path.join(place.home('a'), '.claude-mneme', 'config.json');
    expect(connected).toMatchObject({ ok: true, value: { file } });
    expect((await ask(a, 'leave', { discard: true })).mneme).toEqual({ file, why_not: null, left: [], kept: null });
    await expect(readFile(file, 'utf8')).rejects.toThrow('ENOENT');
  });

  it('names what would be lost, and refuses to lose what was sent nowhere', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a', { live: false });
    await place.write('a', 'mine\n');
    await a.ensurePersonalSpace();
    expect((await ask(a, 'leave-plan', {})).spaces).toMatchObject([{ only_here: true, recovery_unshown: true, unsent: 0 }]);
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    await place.write('a', 'unsent\n');
    const { rename } = await import('node:fs/promises');
    await rename(stick, `${stick}-unplugged`);
    expect((await ask(a, 'leave-plan', {})).spaces).toMatchObject([{ only_here: false, unsent: 1, unsent_items: ['CLAUDE.md'] }]);
    await expect(ask(a, 'leave', {})).rejects.toThrow('sent nowhere');
    expect(a.spaces.size).toBe(1);
    expect((await ask(a, 'leave', { discard: true })).left).toMatchObject([{ name: 'personal', told: false }]);
  });

  it('names what is kept here without a space of its own: for others, and what was left before', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    const [space] = a.spaces.keys();
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
    expect((await ask(hub, 'leave-plan', {})).keeps).toEqual([
      { space, why: 'for-others', machines: 2, recovery_unshown: false, elsewhere: null },
    ]);
    // What only was followed here is a copy; what was ordered here is not.
    await ask(b, 'leave', {});
    expect((await ask(b, 'leave-plan', {})).keeps).toEqual([]);
    await place.write('c', 'mine\n');
    const c = await place.start('c');
    const [own] = c.spaces.keys();
    await ask(c, 'sync', {});
    await ask(c, 'leave', { discard: true });
    expect((await ask(c, 'leave-plan', {})).keeps).toEqual([
      { space: own, why: 'only-here', machines: 1, recovery_unshown: true, elsewhere: null },
    ]);
  });

  it('stands in nobody’s way with a space that holds nothing, and gives up none that does', async () => {
    const a = await place.start('a');
    const [empty] = a.spaces.keys();
    expect((await ask(a, 'leave-plan', {})).spaces).toMatchObject([{ only_here: false, recovery_unshown: false }]);
    await ask(a, 'leave', {});
    expect((await ask(a, 'leave-plan', {})).keeps).toEqual([]);
    expect((await ask(a, 'status', {})).left).toMatchObject([{ space: empty, name: 'personal' }]);
  });

  it('is told by status, until it takes part again', async () => {
    await place.write('a', 'of both\n');
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    expect((await ask(b, 'status', {})).left).toEqual([]);
    await ask(b, 'leave', {});
    const { left, verdict, in_sync: inSync } = await ask(b, 'status', {});
    expect([left.map(({ name }) => name), verdict, inSync]).toEqual([
      ['personal'],
      expect.stringMatching(/^Not syncing: this machine left personal, \d+ s ago\. Run: satchel join/),
      false,
    ]);
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    expect((await ask(b, 'status', {})).left).toEqual([]);
  });

  it('loses no recovery key where another owner can make a new one', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await place.write('a', 'stays\n');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await ask(a, 'leave', {});
    expect((await ask(a, 'leave-plan', {})).keeps).toEqual([]);
  });

  it('purges what Satchel made, and nothing else', async () => {
    const a = await place.start('a');
    const { home } = a;
    await place.stop('a');
    await writeFile(path.join(home.root, 'mine.txt'), 'mine');
    await writeFile(path.join(home.root, 'mneme-token'), 'mneme_x', { mode: 0o600 });
    expect(await purgeHome(home)).toEqual(['mine.txt']);
    expect(await readdir(home.root)).toEqual(['mine.txt']);
  });
});

describe('adding a folder as a remote', () => {
  it('takes a folder that is there, and makes none', async () => {
    const [there, missing] = ['there', 'missing'].map((name) => path.join(place.root, name)) as [string, string];
    const a = await place.start('a', { live: false });
    await mkdir(there);
    expect(await ask(a, 'remote-add', { remote: there })).toMatchObject({ made: true });
    expect(await ask(a, 'remote-add', { remote: there })).toMatchObject({ made: false });
    await expect(ask(a, 'remote-add', { remote: missing })).rejects.toMatchObject({ kind: 'usage', type: 'no-folder' });
    await expect(stat(missing)).rejects.toThrow('ENOENT');
  });
});

describe('doctor', () => {
  it('passes a healthy node, and names what is wrong with an ill one', async () => {
    const a = await place.start('a');
    await place.write('a', 'fine\n');
    await ask(a, 'sync', {});
    const healthy = (await ask(a, 'doctor', {})).checks.filter((check) => check.result !== 'ok');
    expect(healthy.map((check) => check.id)).toEqual(['space.recovery:personal']);

    const stick = path.join(place.root, 'stick');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    const { rename } = await import('node:fs/promises');
    await rename(stick, `${stick}-unplugged`);
    const ill = (await ask(a, 'doctor', {})).checks.filter((check) => check.result !== 'ok');
    expect(ill.map((check) => check.id)).toContain('space.remote:personal');
  });

  it('looks at a home without opening it, and changes nothing', async () => {
    const home = nodeHome(path.join(place.root, 'nothing'));
    expect((await checkHome(home, 'v20.19.0')).map((check) => [check.id, check.result])).toEqual([
      ['node.version', 'ok'],
      ['home.present', 'warn'],
    ]);
    await expect(stat(home.root)).rejects.toThrow('ENOENT');
    const { home: made } = await place.start('a');
    await place.stop('a');
    const { chmod, truncate } = await import('node:fs/promises');
    expect((await checkHome(made, 'v22.0.0')).filter((check) => check.result === 'fail')).toEqual([]);
    await chmod(path.join(made.keys, 'machine.json'), 0o644);
    await truncate(made.store, 5_000);
    const failures = (await checkHome(made, 'v18.0.0')).filter((check) => check.result === 'fail').map((check) => check.id);
    expect(failures).toEqual(['node.version', 'home.modes', 'store.integrity']);
  });
});
