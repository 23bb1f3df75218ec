import { copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copiedIdentityFile, settleCopy, StoreWasCopied } from '../../src/node/copied-store/settle-copy.ts';
import { isCopied, markPlace } from '../../src/node/copied-store/place-mark.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { checkHome } from '../../src/node/doctor/home-checks.ts';
import { nodeHome } from '../../src/node/home.ts';
import type { OpenSpace, SatchelNode } from '../../src/node/node.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

let place: Place;
let hub: SatchelNode;
beforeEach(async () => {
  place = await Place.create();
  hub = await place.start('hub', { hub: true });
});
afterEach(() => place.dispose());

const personal = (node: SatchelNode): OpenSpace => [...node.spaces.values()][0] as OpenSpace;
const idOf = (node: SatchelNode): string => node.deps.machine.key.machine;

async function inSync(...nodes: readonly SatchelNode[]): Promise<void> {
  await until('all have the same log', async () => {
    const all = await Promise.all(nodes.map((node) => ask(node, 'status', {})));
    return all.every((status) => status.in_sync && status.spaces[0]?.words === all[0]?.spaces[0]?.words);
  });
}

/** Machine `a` in a space of the hub, with a draft that was not sent; stopped. */
async function stoppedWithDraft(): Promise<void> {
  const a = await place.start('a');
  await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
  await place.write('a', 'sent\n');
  await place.write('a', 'a plan\n', 'plans/p.md');
  await ask(a, 'sync', {});
  await place.stop('a');
  const offline = await place.start('a', { live: false });
  await place.write('a', 'drafted\n');
  for (const { source } of personal(offline).sources) await source.scan();
  expect(personal(offline).replica.drafts).toHaveLength(1);
  await place.stop('a');
}

async function copyHome(to: string, withFiles = true): Promise<void> {
  await mkdir(place.home(to), { recursive: true });
  for (const name of withFiles ? ['.satchel', '.claude'] : ['.satchel'])
    await cp(path.join(place.home('a'), name), path.join(place.home(to), name), { recursive: true, preserveTimestamps: true });
}

describe('a store that was copied, and both run', () => {
  it('is a new machine, lets itself in, and nothing is lost', async () => {
    await stoppedWithDraft();
    await copyHome('copy');
    const a = await place.start('a');
    const copy = await place.start('copy');
    expect(idOf(copy)).not.toBe(idOf(a));
    await inSync(a, copy);
    expect(personal(a).replica.membership.members.size).toBe(2);
    await place.write('copy', 'of the copy\n', 'plans/copy.md');
    await place.write('a', 'of the first\n', 'plans/first.md');
    for (const machine of ['a', 'copy']) {
      await until(`${machine} has both`, async () => {
        const there = await Promise.all(['plans/copy.md', 'plans/first.md'].map((name) => place.read(machine, name).catch(() => null)));
        return there.every((body) => body !== null);
      });
      expect(await place.read(machine)).toBe('drafted\n');
    }
    await inSync(a, copy);
    expect((await personal(a).replica.siblings()).length).toBe(0);
    await expect(readFile(copiedIdentityFile(copy.home))).rejects.toThrow('ENOENT');
    const { commits } = await ask(a, 'log', { item: 'CLAUDE.md' });
    expect(commits.flatMap((commit) => commit.changes)).toHaveLength(2);
  });

  it('takes no file for deleted that did not come along', async () => {
    await stoppedWithDraft();
    await copyHome('copy', false);
    const copy = await place.start('copy');
    await until('the files come back', async () => (await place.read('copy', 'plans/p.md').catch(() => '')) === 'a plan\n');
    await until('the draft is there too', async () => (await place.read('copy').catch(() => '')) === 'drafted\n');
    const a = await place.start('a');
    await inSync(a, copy);
    expect(await place.read('a', 'plans/p.md')).toBe('a plan\n');
  });

  it('stays one new machine where it is started again, and again before it was let in', async () => {
    await stoppedWithDraft();
    await copyHome('copy');
    await place.stop('hub');
    const first = idOf(await place.start('copy'));
    await place.stop('copy');
    expect(idOf(await place.start('copy'))).toBe(first);
    const checks = await checkHome(nodeHome(path.join(place.home('copy'), '.satchel')), process.version);
    expect(checks.find((check) => check.id === 'home.place')?.result).toBe('warn');
  });
});

describe('a disk that was put back to an earlier day', () => {
  it('finds its own later commits at the home, and goes on as the same machine', async () => {
    await stoppedWithDraft();
    const [home, snapshot] = [path.join(place.home('a'), '.satchel'), path.join(place.root, 'snapshot')];
    await cp(home, snapshot, { recursive: true });
    const claude = path.join(place.root, 'snapshot-claude');
    await cp(path.join(place.home('a'), '.claude'), claude, { recursive: true });
    let a = await place.start('a');
    const id = idOf(a);
    await place.write('a', 'later\n');
    await ask(a, 'sync', {});
    const position = personal(a).replica.position;
    await place.stop('a');
    await rollBack(snapshot, home);
    await rollBack(claude, path.join(place.home('a'), '.claude'));
    a = await place.start('a');
    expect(idOf(a)).toBe(id);
    await until('the later commits are here', () => personal(a).replica.position >= position);
    await inSync(a);
    await until('the later edit is back', async () => (await place.read('a')) === 'later\n');
    expect(personal(a).replica.drafts).toEqual([]);
    expect((await personal(a).replica.siblings()).length).toBe(0);
  });
});

describe('a copy of a store that orders logs', () => {
  it('is refused until a person says which of the two goes on', async () => {
    await stoppedWithDraft();
    await place.stop('hub');
    await cp(place.home('hub'), place.home('twin'), { recursive: true });
    await expect(place.start('twin', { hub: true })).rejects.toThrow(StoreWasCopied);
    await expect(place.start('twin', { hub: true })).rejects.toThrow('two stores must never act as one');
    const twin = await place.start('twin', { hub: true, copy: 'same-machine' });
    expect(idOf(twin)).toBe(idOf(hub));
    await place.stop('twin');
    expect(idOf(await place.start('twin', { hub: true }))).toBe(idOf(hub));
  });
});

describe('where a store lies', () => {
  it('is the same place after it was moved, and another system is another place', async () => {
    const root = path.join(place.root, 'somewhere');
    await mkdir(path.join(root, 'keys'), { recursive: true });
    const home = nodeHome(root);
    const on = (id: string | null) => () => Promise.resolve(id);
    expect(await isCopied(home, on('one'))).toBe(false);
    await markPlace(home, on('one'));
    expect(await isCopied(home, on('one'))).toBe(false);
    expect(await isCopied(home, on('two'))).toBe(true);
    expect(await isCopied(home, on(null))).toBe(false);
    await writeFile(path.join(home.keys, 'place.json'), '{"inode":');
    expect(await isCopied(home, on('two'))).toBe(false);
  });

  it('is settled by another identity once, whatever step a crash came before', async () => {
    await stoppedWithDraft();
    await copyHome('copy', false);
    const home = nodeHome(path.join(place.home('copy'), '.satchel'));
    const old = await readFile(path.join(home.keys, 'machine.json'), 'utf8');
    const mark = await readFile(path.join(home.keys, 'place.json'));
    const settle = async (): Promise<void> => {
      const store = await createSqliteStore({ path: home.store });
      const deps = { random: createSystemRandom(), clock: createSystemClock(), wrapping: createAgeKeyWrapping(), isHub: false };
      await settleCopy(home, store, deps).finally(() => store.close());
    };
    await settle();
    const made = await readFile(path.join(home.keys, 'machine.json'), 'utf8');
    expect(made).not.toBe(old);
    await writeFile(path.join(home.keys, 'place.json'), mark); // the crash was before the last step
    await settle();
    expect(await readFile(path.join(home.keys, 'machine.json'), 'utf8')).toBe(made);
    expect(await readFile(copiedIdentityFile(home), 'utf8')).toBe(old);
    await writeFile(path.join(home.keys, 'place.json'), mark);
    await writeFile(path.join(home.keys, 'machine.json'), old); // and here before the one before
    await settle();
    expect(await readFile(path.join(home.keys, 'machine.json'), 'utf8')).not.toBe(old);
    expect(await readFile(copiedIdentityFile(home), 'utf8')).toBe(old);
    expect((await stat(copiedIdentityFile(home))).mode & 0o777).toBe(0o600);
  });
});

/** Each file's bytes as they were, in the files that are there: as a disk that goes back. */
async function rollBack(from: string, to: string): Promise<void> {
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const before = path.join(from, path.relative(to, file));
    if (!entry.isFile()) continue;
    if (await stat(before).catch(() => null)) await copyFile(before, file);
    else await rm(file);
  }
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const after = path.join(to, path.relative(from, file));
    if (entry.isFile() && !(await stat(after).catch(() => null))) await copyFile(file, after);
  }
}
