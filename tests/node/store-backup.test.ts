import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecoveryKey } from '../../src/core/replica/recovery-key.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { restoreBackup } from '../../src/node/backup/restore-backup.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { ask, Place } from './place.ts';

describe('backup and restore', () => {
  let place: Place;
  let node: SatchelNode;
  let file: string;
  let identity: string;

  const restore = (asSameMachine: boolean, key = identity) =>
    restoreBackup({
      file,
      home: path.join(place.home('a'), '.satchel'),
      identity: key,
      asSameMachine,
      random: createSystemRandom(),
      clock: createSystemClock(),
      onProgress: () => undefined,
    });
  const scan = async (of: SatchelNode): Promise<void> => {
    for (const open of of.spaces.values()) for (const { source } of open.sources) await source.scan();
    await ask(of, 'sync', {});
  };

  beforeEach(async () => {
    place = await Place.create();
    node = await place.start('a', { live: false });
    const { entry } = await node.ensurePersonalSpace();
    const secret = await readRecoverySecret(node.home, entry.space);
    if (secret === null) throw new Error('no recovery secret');
    ({ identity } = await createRecoveryKey(secret, createAgeKeyWrapping()));
    file = path.join(place.root, 'backup.age');
    await place.write('a', 'the first\n');
    await scan(node);
    await place.write('a', 'the second\n');
    await scan(node);
  });
  afterEach(() => place.dispose());

  it('brings everything back, history and missing files too, with the recovery key', async () => {
    const made = await ask(node, 'backup', { file });
    // Its words wait to be written down: whoever keeps the file alone has nothing.
    expect(made).toMatchObject({ file, damaged: 0, recovery: 'unshown' });
    const before = await ask(node, 'status', {});
    await place.lose('a');
    expect(await restore(true)).toMatchObject({ asSameMachine: true, objects: made.objects });
    node = await place.start('a', { live: false });
    await ask(node, 'sync', {});
    expect((await ask(node, 'status', {})).spaces[0]).toMatchObject({ words: before.spaces[0]?.words, items: 1, drafts: 0, conflicts: 0 });
    expect(await place.read('a')).toBe('the second\n');
    const log = await ask(node, 'log', { item: 'CLAUDE.md' });
    const first = log.commits.at(-1)?.changes[0]?.revision;
    expect((await ask(node, 'show', { revision: first })).body).toBe('the first\n');
    expect((await ask(node, 'verify', { depth: 'full' })).sound).toBe(true);
  });

  it('holds no plaintext, and leaves no plaintext copy behind', async () => {
    await ask(node, 'backup', { file });
    expect((await readFile(file)).includes('CLAUDE')).toBe(false);
    expect(await readdir(node.home.backups)).toEqual([]);
    expect(await readdir(place.root)).toEqual(['a', 'backup.age']);
  });

  it('takes edits while it runs, and what they make is in order after a restore', async () => {
    const backup = ask(node, 'backup', { file });
    for (let i = 0; i < 5; i += 1) {
      await place.write('a', `meanwhile ${i}\n`);
      await scan(node);
    }
    await backup;
    await place.stop('a');
    await rm(path.join(place.home('a'), '.satchel'), { recursive: true });
    await restore(true);
    node = await place.start('a', { live: false });
    await scan(node);
    // The file outlived the store: what it holds is kept, as the current version or beside it.
    const { commits } = await ask(node, 'log', { item: 'CLAUDE.md' });
    const bodies = [];
    for (const change of commits.flatMap((commit) => commit.changes)) {
      if (change.revision !== '') bodies.push((await ask(node, 'show', { revision: change.revision })).body);
    }
    expect(bodies).toContain('meanwhile 4\n');
    expect((await ask(node, 'verify', { depth: 'full' })).sound).toBe(true);
  });

  it('starts as a new machine unless the old one is gone, and never beside it', async () => {
    const { id } = (await ask(node, 'status', {})).machine;
    await ask(node, 'backup', { file });
    await place.stop('a');
    const elsewhere = { ...(await optionsFor('b')), asSameMachine: true };
    await expect(restoreBackup(elsewhere)).rejects.toMatchObject({ type: 'still-there' });
    await restoreBackup({ ...elsewhere, asSameMachine: false });
    const other = await place.start('b', { live: false });
    expect((await ask(other, 'status', {})).machine.id).not.toBe(id);
  });

  async function optionsFor(machine: string) {
    await mkdir(place.home(machine), { recursive: true });
    const home = path.join(place.home(machine), '.satchel');
    return { file, home, identity, random: createSystemRandom(), clock: createSystemClock(), onProgress: () => undefined };
  }

  it('restores nothing from a wrong key, a cut or foreign file, or over what is there', async () => {
    await ask(node, 'backup', { file });
    await expect(ask(node, 'backup', { file })).rejects.toMatchObject({ type: 'exists' });
    await place.stop('a');
    await expect(restore(true)).rejects.toMatchObject({ type: 'not-empty' });
    await place.lose('a');
    const stranger = await createAgeKeyWrapping().generate();
    await expect(restore(true, stranger.identity)).rejects.toMatchObject({ type: 'wrong-key' });
    await truncate(file, 60_000);
    await expect(restore(true)).rejects.toThrow(/damaged or was cut off|too early/);
    expect(existsSync(path.join(place.home('a'), '.satchel'))).toBe(false);
    expect((await readdir(place.root)).filter((name) => name.includes('restoring'))).toEqual([]);
  });
});

describe('store and forget', () => {
  let place: Place;
  let node: SatchelNode;
  beforeEach(async () => {
    place = await Place.create();
    node = await place.start('a', { live: false });
    await node.ensurePersonalSpace();
    await place.write('a', 'a secret\n');
    await ask(node, 'sync', {});
  });
  afterEach(() => place.dispose());

  it('plans a prune, prunes, and says so when the body is asked for', async () => {
    const old = (await ask(node, 'log', { item: 'CLAUDE.md' })).commits[0]?.changes[0]?.revision;
    await place.write('a', 'harmless\n');
    await ask(node, 'sync', {});
    expect(await ask(node, 'prune', { older_than_days: 0, plan: true })).toMatchObject({ bodies: 1, pruned: false });
    expect(await ask(node, 'prune', { older_than_days: 1 })).toMatchObject({ bodies: 0, objects: 0 });
    expect(await ask(node, 'prune', { older_than_days: 0 })).toMatchObject({ bodies: 1, pruned: true });
    await expect(ask(node, 'show', { revision: old })).rejects.toMatchObject({ type: 'pruned', next: expect.stringContaining('backup') });
    const { spaces } = await ask(node, 'storeSizes', {});
    expect(spaces[0]?.object_bytes).toBe(spaces[0]?.current_bytes);
  });

  it('erases an item: file, bodies, and what others would fetch', async () => {
    const revision = (await ask(node, 'log', { item: 'CLAUDE.md' })).commits[0]?.changes[0]?.revision;
    expect(await ask(node, 'forget', { items: ['CLAUDE.md'], plan: true })).toMatchObject({ bodies: 1, erased: false });
    expect(await ask(node, 'forget', { items: ['CLAUDE.md'] })).toMatchObject({ bodies: 1, erased: true, unheard: [] });
    await expect(place.read('a')).rejects.toThrow(/ENOENT/);
    await expect(ask(node, 'show', { revision })).rejects.toMatchObject({ type: 'erased' });
    expect((await ask(node, 'erasures', {})).erasures).toMatchObject([{ what: 'forget CLAUDE.md', unheard: [] }]);
    expect((await ask(node, 'verify', { depth: 'full' })).sound).toBe(true);
  });

  it('refuses to erase what an item holds now by its revision', async () => {
    const revision = (await ask(node, 'log', { item: 'CLAUDE.md' })).commits[0]?.changes[0]?.revision;
    await expect(ask(node, 'forget', { items: ['CLAUDE.md'], revision })).rejects.toMatchObject({ type: 'current' });
  });
});
