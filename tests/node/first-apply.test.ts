import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretToWords } from '../../src/core/joining/words.ts';
import { createRecoveryKey } from '../../src/core/replica/recovery-key.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { restoreBackup } from '../../src/node/backup/restore-backup.ts';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { purgeHome } from '../../src/node/purge-home.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Every file of a Claude home, by name. */
async function contents(machine: string): Promise<Record<string, string>> {
  const root = path.join(place.home(machine), '.claude');
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    found[path.relative(root, file)] = await readFile(file, 'utf8');
  }
  return found;
}

describe('the first apply onto a home with 300 files of its own', () => {
  it('waits with a preview, keeps a copy of what changes, and overwrites nothing unasked', async () => {
    const a = await place.start('a');
    for (let i = 0; i < 20; i += 1) await place.write('a', `by a ${i}\n`, `rules/a-${i}.md`);
    await place.write('a', 'shared\n', 'rules/same.md');
    await place.write('a', '{"a":1,"theirs":true}\n', 'keybindings.json');
    await place.write('a', 'the text of a\n', 'CLAUDE.md');
    await ask(a, 'sync', {});

    for (let i = 0; i < 297; i += 1) await place.write('b', `by b ${i}\n`, `rules/b/${i}.md`);
    await place.write('b', 'shared\n', 'rules/same.md');
    await place.write('b', '{"a":1,"ours":true}\n', 'keybindings.json');
    await place.write('b', 'another text\n', 'CLAUDE.md');
    const before = await contents('b');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await ask(b, 'sync', {});

    expect(await contents('b')).toEqual(before);
    expect((await ask(b, 'status', {})).spaces[0]?.pending).toBe(1);
    const [entry] = (await ask(b, 'pending', {})).pending;
    expect(entry).toMatchObject({ type: 'first-apply', path: path.join(place.home('b'), '.claude') });
    expect(entry?.what).toContain('writes 20 new files, merges 1 of yours, replaces 1 of yours');
    expect(entry?.what).toContain('keeps 298 as they are');
    expect(entry?.items.filter(({ change }) => change === 'changed').map(({ item }) => item)).toEqual(['CLAUDE.md', 'keybindings.json']);

    const answer = await ask(b, 'answer-pending', { answer: 'approve', ids: [entry?.id ?? ''] });
    expect(answer).toMatchObject({ left: 0, conflicts: 1 });
    const after = await contents('b');
    expect(Object.keys(after)).toHaveLength(320);
    expect(JSON.parse(after['keybindings.json'] ?? '')).toEqual({ a: 1, ours: true, theirs: true });
    expect(after['CLAUDE.md']).toBe('the text of a\n');
    for (const [name, text] of Object.entries(before)) if (name.startsWith('rules/')) expect(after[name]).toBe(text);
    const copies = path.join(b.home.root, 'before-joining');
    const [copy = ''] = await readdir(copies);
    expect(answer.copies).toEqual([path.join(copies, copy)]);
    expect(await readFile(path.join(copies, copy, 'CLAUDE.md'), 'utf8')).toBe(before['CLAUDE.md']);
    expect(await readFile(path.join(copies, copy, 'keybindings.json'), 'utf8')).toBe(before['keybindings.json']);
    // Nothing is lost in the space either: the text that could not be merged is a version beside the other.
    expect((await ask(b, 'conflicts', {})).conflicts.map(({ item }) => item)).toEqual(['CLAUDE.md']);

    // What came later needs no such question.
    await place.write('a', '{"a":2,"theirs":true}\n', 'keybindings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect((await ask(b, 'pending', {})).pending).toEqual([]);

    // And leaving with all of it takes no file, and not the copies.
    await ask(b, 'leave', { discard: true });
    const { home } = b;
    await place.stop('b');
    expect(await purgeHome(home)).toEqual(['before-joining']);
    await expect(access(home.store)).rejects.toThrow('ENOENT');
    expect(Object.keys(await contents('b'))).toEqual(Object.keys(after));
  });

  it('can be refused, and allowed later', async () => {
    const a = await place.start('a');
    await place.write('a', 'theirs\n');
    await ask(a, 'sync', {});
    await place.write('b', 'ours\n');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await ask(b, 'answer-pending', { answer: 'reject', all: true });
    await ask(b, 'sync', {});
    expect(await place.read('b')).toBe('ours\n');
    const [entry] = (await ask(b, 'pending', {})).pending;
    expect(entry).toMatchObject({ type: 'first-apply', rejected: true });
    await ask(b, 'answer-pending', { answer: 'approve', ids: [entry?.id ?? ''] });
    expect(await place.read('b')).toBe('theirs\n');
  });

  it.each([
    ['joins', false],
    ['joins after it ran without a key', true],
    ['is let in by the recovery key', false],
  ])('waits as well where a restored store %s: it was another home that had its files', async (how, runs) => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await place.write('a', 'theirs\n');
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    await ask(a, 'sync', {});
    const [open] = a.spaces.values();
    const secret = open === undefined ? null : await readRecoverySecret(a.home, open.entry.space);
    if (secret === null) throw new Error('no recovery secret');
    const file = path.join(place.root, 'backup.age');
    await ask(a, 'backup', { file });

    await place.write('b', 'mine\n');
    const { identity } = await createRecoveryKey(secret, createAgeKeyWrapping());
    const deps = { random: createSystemRandom(), clock: createSystemClock(), onProgress: () => undefined };
    await restoreBackup({ file, home: path.join(place.home('b'), '.satchel'), identity, asSameMachine: false, ...deps });
    if (runs) {
      await place.start('b');
      await place.stop('b');
    }
    const b = await place.start('b', { live: false });
    if (how.startsWith('joins')) await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    else await ask(b, 'recover', { words: secretToWords(secret), at: hub.address ?? '' });
    await ask(b, 'sync', {});
    expect(await place.read('b')).toBe('mine\n');
    const [entry] = (await ask(b, 'pending', {})).pending;
    expect(entry).toMatchObject({ type: 'first-apply', items: [{ item: 'CLAUDE.md', change: 'changed' }] });
    await ask(b, 'answer-pending', { answer: 'approve', ids: [entry?.id ?? ''] });
    expect(await place.read('b')).toBe('theirs\n');
    const [copy = ''] = await readdir(path.join(b.home.root, 'before-joining'));
    expect(await readFile(path.join(b.home.root, 'before-joining', copy, 'CLAUDE.md'), 'utf8')).toBe('mine\n');
  });

  it('names who wrote what asks, where this machine merged it', async () => {
    const a = await place.start('a');
    const settings = (own: string): string => JSON.stringify({ permissions: { allow: ['Bash(npm test)', own] } });
    await place.write('a', settings('Bash(make a)'), 'settings.json');
    await ask(a, 'sync', {});
    await place.write('b', settings('Bash(make b)'), 'settings.json');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await ask(b, 'sync', {});
    const asked = (await ask(b, 'pending', {})).pending.filter(({ type }) => type === 'consent');
    expect(asked.map(({ title, what, machines }) => [title, what, machines])).toEqual([
      ['settings.json: permissions → allow', 'adds "Bash(make a)"', [a.deps.machine.name]],
    ]);
  });
});
