import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { secretToWords } from '../../src/core/joining/words.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Sizes {
  readonly spaces: readonly { readonly records: number; readonly objects: number; readonly object_bytes: number }[];
}

describe('the store, from the command line', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [ana, bea] = [machine('ana'), machine('bea')];
  const backup = path.join(root, 'satchel.age');
  const key = path.join(root, 'key.txt');

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'a plain word: pomegranate\n');
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    for (let i = 0; i < 5; i++) {
      ana.write('plans/plan.md', `version ${i}\n`.repeat(4_000));
      await until(`bea has version ${i}`, () => bea.read('plans/plan.md')?.startsWith(`version ${i}`) === true);
    }
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((m) => m.kill()));
    remove();
  });

  it('says what is kept, and that it is sound', async () => {
    expect((await ana.run(['store'])).stdout).toMatch(/personal: \d+ records, 2 items, \d+ encrypted bodies/);
    for (const [depth, says] of [
      [[], 'Everything that was looked at is sound. Bodies were looked up, and not read'],
      [['--read-data'], 'Everything is sound.'],
      [['--full'], 'Everything is sound.'],
    ] as const) {
      const verified = await ana.run(['store', 'verify', ...depth]);
      expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining(says)]);
    }
  });

  it('prunes superseded bodies, here and on the other machine, and says so before', async () => {
    const before = (await ana.ask<Sizes>(['store'])).spaces[0]?.object_bytes ?? 0;
    expect((await ana.run(['store', 'prune', '--older-than', '0', '--dry-run'])).stdout).toMatch(/^Would drop [3-5] superseded bodies/);
    expect((await ana.ask<Sizes>(['store'])).spaces[0]?.object_bytes).toBe(before);
    for (const json of [[], ['--json']]) {
      const unasked = await ana.run(['store', 'prune', '--older-than', '0', ...json]);
      expect([unasked.code, unasked.stdout + unasked.stderr]).toEqual([2, expect.stringMatching(/cannot be undone[^]*--yes/)]);
    }
    expect((await ana.ask<Sizes>(['store'])).spaces[0]?.object_bytes).toBe(before);
    expect((await ana.run(['store', 'prune', '--older-than', '0', '--yes'])).stdout).toMatch(/^Dropped [3-5] superseded bodies/);
    expect((await ana.run(['store', 'prune', '--older-than', '0'])).stdout).toBe('Nothing to drop\n');
    expect(bea.read('plans/plan.md')).toMatch(/^version 4/);
    const gone = await ana.run(['restore', 'plans/plan.md']);
    expect(gone.code).not.toBe(0);
    expect(gone.stderr).toMatch(/pruned on all machines[^]*A backup made before may have it[^]*satchel store restore/);
    expect(gone.stderr).not.toContain('doctor');
    await until('bea obeyed', async () => (await bea.run(['store', 'verify', '--full'])).code === 0);
    expect((await ana.run(['store', 'verify', '--full'])).code).toBe(0);
  });

  it('backs up while it runs, encrypted, and never over a file', async () => {
    expect((await ana.run(['store', 'backup', backup])).stdout).toContain(backup);
    expect(readFileSync(backup).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    expect(readFileSync(backup).includes('pomegranate')).toBe(false);
    expect((await ana.run(['store', 'backup', backup])).code).toBe(2);
  });

  it('notices damage, heals it from the other machine where that has it, and says what to do where not', async () => {
    await bea.stop();
    const objects = path.join(bea.store, 'objects');
    const packs = readdirSync(objects, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.pack'));
    for (const pack of packs) {
      const file = path.join(objects, pack);
      const bytes = readFileSync(file);
      for (let i = 200; i < bytes.length; i += 1000) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
      writeFileSync(file, bytes);
    }
    const healed = await bea.run(['store', 'verify', '--read-data']);
    expect([healed.code, healed.stdout]).toEqual([0, expect.stringMatching(/fetched anew from the remote[^]*Everything is sound/)]);
    expect((await bea.run(['store', 'verify', '--full'])).code).toBe(0);
  });

  it('forgets an item everywhere, for ever', async () => {
    await bea.start();
    ana.write('rules/secret.md', 'the word is hippopotamus\n');
    await until('bea has it', () => bea.read('rules/secret.md') !== null);
    const forgotten = await ana.run(['forget', 'rules/secret.md', '--yes']);
    expect([forgotten.code, forgotten.stdout]).toEqual([0, expect.stringContaining('Erased 1 body')]);
    await until('it is gone', () => [ana, bea].every((m) => m.read('rules/secret.md') === null));
    // Which it shows by what it sends next, and not before.
    for (const told of [forgotten.stdout, (await ana.run(['forget'])).stdout])
      expect(told).toMatch(/not known to have obeyed yet: bea\n[^]*with the next change that it sends/);
    const versions = (await ana.runAsking(['log', 'rules/secret.md'])).stdout;
    expect(versions).toMatch(/2 versions[^]* deleted [^]* written [^\n]*, erased\n/);
    expect(versions).not.toMatch(/satchel (show|restore)/);
    expect((await ana.runAsking(['log', '--limit', '2'])).stdout).not.toMatch(/satchel (show|restore)/);
    bea.write('rules/b.md', 'bea writes\n');
    await until('bea is known to have obeyed', async () => (await ana.run(['forget'])).stdout.includes('all machines have obeyed'));
    const shown = await ana.runAsking(['show', 'rules/secret.md']);
    expect(shown.code).not.toBe(0);
    expect((await ana.run(['restore', 'rules/secret.md'])).code).not.toBe(0);
    for (const m of [ana, bea]) expect((await m.run(['store', 'verify', '--full'])).code).toBe(0);
  });

  it('restores nothing with a wrong key, says which it takes, and leaves nothing behind', async () => {
    const words = (seed: number): string => secretToWords(new Uint8Array(32).fill(seed));
    const fresh = machine('fresh');
    const strangers = path.join(root, 'strangers.txt');
    const attempt = async (text: string): Promise<readonly [number | null, string]> => {
      writeFileSync(strangers, text, { mode: 0o600 });
      const { code, stdout, stderr } = await fresh.run(['store', 'restore', backup, '--key', strangers]);
      expect([stdout, existsSync(fresh.store)]).toEqual(['', false]);
      return [code, stderr];
    };
    const which =
      /does not open the backup\nTake the recovery key of a space that was in it[^]*keys\/machine\.json[^]*or the age identity that --to named/;
    expect(await attempt(words(1))).toEqual([5, expect.stringMatching(which)]);
    // Of a machine that has the same space, and is not who made the backup.
    expect(await attempt(readFileSync(path.join(bea.store, 'keys', 'machine.json'), 'utf8'))).toEqual([5, expect.stringMatching(which)]);
    const mistyped = words(1).split(' ').with(3, 'zebra').join(' ');
    expect(await attempt(mistyped)).toEqual([2, expect.stringMatching(/one is wrong or two changed places/)]);
    expect(await attempt(words(1).split(' ').slice(1).join(' '))).toEqual([2, expect.stringContaining('24 words, not 23')]);
    expect(await attempt(words(1).replace(/^\w+/, 'hippopotamus'))).toEqual([2, expect.stringContaining('word 1 is not one of the words')]);
    expect(await attempt('')).toEqual([2, expect.stringMatching(/24 words/)]);
    await fresh.kill();
  });

  it('restores a backup with this machine’s key, as the same machine', async () => {
    const { identity } = JSON.parse(readFileSync(path.join(ana.store, 'keys/machine.json'), 'utf8')) as { identity: string };
    writeFileSync(key, identity, { mode: 0o600 });
    const { port } = new URL((await ana.ask<{ address: string }>(['status'])).address);
    expect((await ana.run(['store', 'restore', backup, '--key', key])).code).toBe(5);
    await ana.stop();
    rmSync(ana.store, { recursive: true });
    const restored = await ana.run(['store', 'restore', backup, '--key', key, '--same-machine']);
    expect([restored.code, restored.stdout]).toEqual([0, expect.stringContaining('It goes on as the same machine. Run: satchel up')]);
    expect(existsSync(path.join(ana.store, 'store.db'))).toBe(true);
    expect((await ana.run(['store', 'verify', '--full'])).stdout).toContain('Everything is sound.');
    await ana.start(['up', '--port', port]);
    expect((await ana.runAsking(['log'])).stdout).toContain('CLAUDE.md');
    expect(ana.read('CLAUDE.md')).toBe('a plain word: pomegranate\n');
  });

  it('runs without a key where it was restored as a new machine, and says what leads out', async () => {
    const fresh = new Machine(root, 'fresh', inject('program'));
    try {
      const key = path.join(ana.store, 'keys', 'machine.json');
      expect((await fresh.run(['store', 'restore', backup, '--key', key])).code).toBe(0);
      const before = await fresh.runAsking(['status']);
      expect([before.code, before.stdout]).toEqual([1, expect.stringMatching(/a store without keys of its own[^]*satchel keys recover/)]);
      fresh.write('CLAUDE.md', 'mine\n');
      await fresh.start();
      expect(fresh.output).toMatch(/personal: this machine holds no key of it[^]*satchel keys recover/);
      const { code, stdout } = await fresh.runAsking(['status']);
      expect([code, stdout]).toEqual([1, expect.stringMatching(/^Not syncing: this machine holds no key of it[^]*satchel keys recover/)]);
      expect((await fresh.runAsking(['doctor'])).stdout).toMatch(/FAIL space\.keys:personal[^]*satchel keys recover/);
      expect(fresh.ending()).toBe('');
      expect(fresh.read('CLAUDE.md')).toBe('mine\n');

      await fresh.stop();
      writeFileSync(path.join(fresh.store, 'keys', 'machine.json'), '{"bad');
      for (const command of ['status', 'up', 'doctor']) {
        const said = await fresh.run([command]);
        expect([command, said.code, said.stdout + said.stderr]).toEqual([command, 1, expect.stringMatching(/machine\.json is damaged/)]);
        expect(said.stdout + said.stderr).toMatch(/→ |\n.*satchel join LINK, or satchel keys recover/);
        expect(said.stdout + said.stderr).not.toMatch(/bug in Satchel|\n +at /);
      }
    } finally {
      await fresh.kill();
    }
  });

  it('shows no plain text of a sealed space in its chunks', () => {
    const found = execFileSync('sh', ['-c', 'grep -rla pomegranate "$1" || true', 'sh', path.join(ana.store, 'objects')]).toString();
    expect(found).toBe('');
  });
});

it('a hub that is restored is told what that means to its clients', async () => {
  const { root, remove } = makeRoot();
  const machines = ['hub', 'again', 'same'].map((name) => new Machine(root, name, inject('program')));
  const [hub, again, same] = machines as [Machine, Machine, Machine];
  try {
    await hub.start(['up', '--hub', '--port', '0']);
    const backup = path.join(root, 'hub.age');
    const key = path.join(root, 'machine.json');
    writeFileSync(key, readFileSync(path.join(hub.store, 'keys', 'machine.json')), { mode: 0o600 });
    const { recipient } = JSON.parse(readFileSync(key, 'utf8')) as { recipient: string };
    expect((await hub.run(['store', 'backup', backup, '--to', recipient])).code).toBe(0);
    await hub.stop();
    const other = await again.run(['store', 'restore', backup, '--key', key]);
    expect([other.code, other.stdout]).toEqual([
      0,
      expect.stringContaining('It will be another hub, by another key than its clients pinned'),
    ]);
    rmSync(hub.store, { recursive: true });
    const it = await same.run(['store', 'restore', backup, '--key', key, '--same-machine']);
    expect([it.code, it.stdout]).toEqual([0, expect.stringContaining('as the same hub. Run: satchel up --hub')]);
    await same.start(['up', '--hub', '--port', '0']);
  } finally {
    await Promise.all(machines.map((machine) => machine.kill()));
    remove();
  }
});
