import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD, headAfter, type Head } from '../../src/core/log/record.ts';
import { PlaceDamaged, RemoteError, type Remote, type RemoteErrorType } from '../../src/core/ports/remote.ts';
import { createGitRepository } from '../../src/remotes/git/open.ts';
import { createGitPlaces, git, gitAddress, gitEnvironment, gitRandom } from '../contracts/git-place.ts';
import { folderBytes } from '../bench/folder-size.ts';
import { createSpaceWriter, sealedObject, segment, type SpaceWriter } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';

const PAGE = { records: 100, bytes: 1024 * 1024 };
const places = await createGitPlaces();
afterAll(() => places.dispose());

/** Somebody who may write into the repository, with a tree of files in hand. */
let repository: string;
let branch: string;
let writer: SpaceWriter;
let head: Head;
let machine: Remote;
const object = sealedObject(200_000);

const open = (): Promise<Remote> => places.machines(`git+file://${repository}`)();
const inRepository = (...args: string[]): string => git(places.home, '-C', repository, ...args).trim();

/** Stores what stands in for an object, by git's own plumbing. */
function store(type: string, bytes: Buffer): string {
  const args = ['-C', repository, 'hash-object', '-w', '--literally', '-t', type, '--stdin'];
  return execFileSync('git', args, { env: gitEnvironment(places.home), input: bytes, encoding: 'utf8' }).trim();
}

function treeOf(entries: readonly (readonly [mode: string, name: string, oid: string])[]): string {
  return store('tree', Buffer.concat(entries.flatMap(([mode, name, oid]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')])));
}

/** Puts a commit of that tree in the place of the branch, with the words of the one that stood there. */
function replaceBy(tree: string, message = inRepository('log', '-1', '--format=%B', branch)): void {
  const ident = 'Satchel <satchel@localhost> 0 +0000';
  const commit = store('commit', Buffer.from(`tree ${tree}\nauthor ${ident}\ncommitter ${ident}\n\n${message.trim()}\n`));
  inRepository('update-ref', branch, commit);
}

async function fails(attempt: Promise<unknown>, ...types: RemoteErrorType[]): Promise<RemoteError> {
  const error = await attempt.then(
    () => 'it worked',
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(RemoteError);
  expect(types).toContain((error as RemoteError).type);
  return error as RemoteError;
}

beforeEach(async () => {
  repository = await places.repository();
  writer = createSpaceWriter();
  branch = `refs/heads/satchel/space/${writer.space}`;
  machine = await open();
  const first = writer.record(headAfter(writer.genesis), { objects: [object.id] });
  await machine.append(writer.space, EMPTY_HEAD, segment([writer.genesis, first], [object]));
  head = headAfter(first);
  return () => machine.close();
});

describe('a repository that somebody else writes to', () => {
  it.each([
    ['a symbolic link in place of the log', '120000', 'log'],
    ['a submodule in place of the objects', '160000', 'objects'],
    ['a file in place of the log', '100644', 'log'],
    ['a symbolic link in place of the objects', '120000', 'objects'],
  ])('holds %s: named, and nothing is followed', async (_what, mode, name) => {
    const target = mode === '160000' ? inRepository('rev-parse', branch) : store('blob', Buffer.from('/etc'));
    const kept = inRepository('ls-tree', branch)
      .split('\n')
      .map((line) => line.split(/[ \t]/) as [string, string, string, string])
      .filter((entry) => entry[3] !== name)
      .map(([kind, , oid, each]) => [kind.replace(/^0/, ''), each, oid] as const);
    replaceBy(treeOf([...kept, [mode, name, target] as const].toSorted((a, b) => (a[1] < b[1] ? -1 : 1))));
    const victim = await open();
    const answers = await Promise.allSettled([
      victim.read(writer.space, 0, PAGE),
      victim.getObjects(writer.space, [object.id]),
      victim.append(writer.space, head, segment([writer.record(head, { objects: [object.id] })])),
    ]);
    const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as RemoteError] : []));
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject({ name: 'RemoteError', type: expect.stringMatching(/protocol|unreachable/) });
    await victim.close();
  });

  it.each([
    ['garbage in place of a segment', Buffer.from('garbage'), /holds|cut off/],
    ['a segment that is cut off', Buffer.from([0, 0, 255, 255, 1]), /cut off/],
    ['nothing in place of a segment', Buffer.alloc(0), /something else/],
  ])('holds %s: named, and nothing of it is taken', async (_what, bytes, words) => {
    const blob = store('blob', bytes);
    const leaf = treeOf([['100644', '000000000000', blob]]);
    replaceBy(treeOf([['40000', 'log', treeOf([['40000', '000000', treeOf([['40000', '000', leaf]])]])]]));
    const victim = await open();
    expect((await fails(victim.read(writer.space, 0, PAGE), 'protocol')).message).toMatch(words);
    await fails(machine.read(writer.space, 0, PAGE), 'protocol');
    await victim.close();
  });

  it('has words of its own on the commit: named', async () => {
    for (const message of ['hello', 'satchel space 1\n\nhead 0 99999999999999999999 x\ncommits 1\nwaste 0', 'x'.repeat(100_000)]) {
      replaceBy(inRepository('rev-parse', `${branch}^{tree}`), message);
      const victim = await open();
      await fails(victim.head(writer.space), 'protocol');
      await fails(victim.append(writer.space, head, segment([writer.record(head)])), 'protocol');
      await victim.close();
    }
  });

  it('says that its log ends elsewhere than it does: named when it is read', async () => {
    const words = inRepository('log', '-1', '--format=%B', branch).replace(/head .*/, `head 0 1 ${'ab'.repeat(32)}`);
    replaceBy(inRepository('rev-parse', `${branch}^{tree}`), words);
    const victim = await open();
    expect((await fails(victim.read(writer.space, 0, PAGE), 'protocol')).message).toMatch(/another head/);
    await victim.close();
  });

  it('swaps the bytes of an object: named, and not given on', async () => {
    const blob = store('blob', randomBytes(200_000));
    const [a, b, rest] = [object.id.slice(0, 2), object.id.slice(2, 3), object.id.slice(3)];
    const objects = treeOf([['40000', a, treeOf([['40000', b, treeOf([['100644', rest, blob]])]])]]);
    const log = inRepository('rev-parse', `${branch}:log`);
    replaceBy(
      treeOf([
        ['40000', 'log', log],
        ['40000', 'objects', objects],
      ]),
    );
    const victim = await open();
    expect((await fails(victim.getObjects(writer.space, [object.id]), 'protocol')).message).toMatch(/does not match its id/);
    await victim.close();
  });

  it('claims a body that no one could hold: refused by its size, before it is read', async () => {
    // 64 MiB of zeros are some kilobytes on the wire.
    const blob = store('blob', Buffer.alloc(64 * 1024 * 1024));
    const leaf = treeOf([['100644', '000000000000', blob]]);
    replaceBy(treeOf([['40000', 'log', treeOf([['40000', '000000', treeOf([['40000', '000', leaf]])]])]]));
    const victim = await open();
    expect((await fails(victim.read(writer.space, 0, PAGE), 'protocol')).message).toMatch(/at most/);
    await victim.close();
  });

  it('sends more than there is room for: ended, refused, and the room given back; the disk is not filled', async () => {
    const blob = store('blob', randomBytes(8 * 1024 * 1024));
    // Beside a log that is as it was, so that all of it comes where the host leaves nothing out.
    const log = inRepository('rev-parse', `${branch}:log`);
    inRepository('config', 'uploadpack.allowFilter', 'false');
    replaceBy(
      treeOf([
        ['100644', 'large', blob],
        ['40000', 'log', log],
      ]),
    );
    const before = await folderBytes(places.folder);
    const victim = await places.machines(`git+file://${repository}`, { room: { most: 1024 * 1024, every: 0 } })();
    const error = await fails(victim.read(writer.space, 0, PAGE), 'refused');
    expect(error.message).toMatch(/sends too much for this disk/);
    expect((await folderBytes(places.folder)) - before).toBeLessThan(1024 * 1024);
    await victim.close();
  });

  it('is put back to what it was before: shown as it is, so that whoever read further names the fall', async () => {
    const before = inRepository('rev-parse', branch);
    const more = writer.record(head);
    await machine.append(writer.space, head, segment([more]));
    inRepository('update-ref', branch, before);
    expect(await machine.head(writer.space)).toEqual(head);
    expect((await machine.append(writer.space, headAfter(more), segment([writer.record(headAfter(more))]))).type).toBe('moved');
  });

  it('is replaced by a commit that continues nothing: read on, nothing twice', async () => {
    replaceBy(inRepository('rev-parse', `${branch}^{tree}`));
    expect(await machine.head(writer.space)).toEqual(head);
    const next = writer.record(head);
    expect((await machine.append(writer.space, head, segment([next]))).type).toBe('appended');
    const other = await open();
    expect((await other.read(writer.space, 0, PAGE)).records).toHaveLength(3);
    await other.close();
  });

  it('loses the branch that makes it a place of Satchel’s, or gets another: no answer, never an empty log', async () => {
    inRepository('update-ref', '-d', branch);
    expect(await machine.head(writer.space)).toBeNull();
    inRepository('update-ref', 'refs/heads/satchel/v1', treeCommit());
    await fails(machine.head(writer.space), 'unreachable');
    inRepository('update-ref', '-d', 'refs/heads/satchel/v1');
    await fails(machine.head(writer.space), 'unreachable');
    inRepository('update-ref', 'refs/heads/satchel/v2', treeCommit());
    expect((await fails(machine.head(writer.space), 'protocol')).message).toMatch(/update it/);
  });

  it('has refs of strange names and a thousand others: the spaces are those that are', async () => {
    const commit = inRepository('rev-parse', branch);
    for (const name of [
      'satchel/space/nonsense',
      'satchel/space/ABCD',
      `satchel/space/${'f'.repeat(63)}`,
      'satchel/space/--upload-pack=x',
      'main',
    ]) {
      inRepository('update-ref', `refs/heads/${name}`, commit);
    }
    const lines = Array.from({ length: 1_000 }, (_, index) => `create refs/heads/satchel/other/${index} ${commit}\n`).join('');
    execFileSync('git', ['-C', repository, 'update-ref', '--stdin'], { env: gitEnvironment(places.home), input: lines });
    expect(await machine.spaces()).toEqual([writer.space]);
  });

  function treeCommit(): string {
    const ident = 'x <x@x> 0 +0000';
    return store(
      'commit',
      Buffer.from(`tree ${store('tree', Buffer.alloc(0))}\nauthor ${ident}\ncommitter ${ident}\n\n${randomBytes(8).toString('hex')}\n`),
    );
  }
});

describe('a repository that is damaged', () => {
  /** Takes an object's file away, or leaves it without a byte. */
  async function damage(oid: string, how: 'gone' | 'empty'): Promise<void> {
    const file = join(repository, 'objects', oid.slice(0, 2), oid.slice(2));
    await rm(file);
    if (how === 'empty') await writeFile(file, '');
  }

  it.each([
    ['the commit of a branch is gone', '', 'gone'],
    ['the commit of a branch is empty', '', 'empty'],
    ['its directory is gone', '^{tree}', 'gone'],
    ['its directory is empty', '^{tree}', 'empty'],
    ['a segment is gone', ':log/000000/000/000000000000', 'gone'],
    ['a segment is empty', ':log/000000/000/000000000000', 'empty'],
  ] as const)('where %s: named as that, to whoever comes, and to whoever writes', async (_what, part, how) => {
    await damage(inRepository('rev-parse', `${branch}${part}`), how);
    const victim = await open();
    for (const asked of [
      () => victim.read(writer.space, 0, PAGE),
      () => victim.append(writer.space, head, segment([writer.record(head)])),
    ]) {
      const error = await fails(asked(), 'protocol');
      expect([error, error.message]).toEqual([expect.any(PlaceDamaged), expect.stringMatching(/^git\+file:.*: the repository is damaged/)]);
    }
    await victim.close();
    // Who has it in a cache reads on. What is pushed onto it mends it, or shows that the cache is of no use: then it is named.
    const push = () => machine.append(writer.space, head, segment([writer.record(head)])).catch((error: unknown) => error);
    let pushed = await push();
    if (pushed instanceof RemoteError && pushed.type === 'unreachable') pushed = await push();
    if (!(pushed instanceof PlaceDamaged)) expect(pushed).toMatchObject({ type: 'appended' });
  });
});

describe('nothing of a repository is executed, and nothing is checked out', () => {
  it('runs no hook, filter or program that a repository on a path names', async () => {
    const mark = join(places.folder, 'executed');
    const script = join(repository, 'script');
    await writeFile(script, `#!/bin/sh\necho "$0 $*" >> '${mark}'\nexit 0\n`);
    await chmod(script, 0o755);
    await mkdir(join(repository, 'hooks'), { recursive: true });
    for (const hook of [
      'pre-receive',
      'update',
      'post-receive',
      'post-update',
      'reference-transaction',
      'proc-receive',
      'push-to-checkout',
      'pre-auto-gc',
      'post-checkout',
    ]) {
      await writeFile(join(repository, 'hooks', hook), `#!/bin/sh\necho hook ${hook} >> '${mark}'\n`);
      await chmod(join(repository, 'hooks', hook), 0o755);
    }
    const settings = {
      'core.fsmonitor': script,
      'core.sshCommand': script,
      'core.alternateRefsCommand': script,
      'uploadpack.packObjectsHook': script,
      'gc.recentObjectsHook': script,
      'receive.autogc': 'true',
      'gc.auto': '1',
      'core.pager': script,
      'credential.helper': `!${script}`,
      'filter.x.smudge': script,
      'filter.x.clean': script,
      'core.gitProxy': script,
      'diff.external': script,
    };
    for (const [key, value] of Object.entries(settings)) inRepository('config', key, value);
    await writeFile(join(repository, 'objects', 'info', 'alternates'), `${join(places.folder, 'template.git', 'objects')}\n`);
    const victim = await open();
    expect((await victim.read(writer.space, 0, PAGE)).records).toHaveLength(2);
    expect((await victim.getObjects(writer.space, [object.id])).size).toBe(1);
    const next = writer.record(head);
    expect((await victim.append(writer.space, head, segment([next]))).type).toBe('appended');
    await victim.mailboxes.post('ab'.repeat(32), 'request', Buffer.from('x'), createTestClock().now() + 60_000);
    await victim.close();
    expect(existsSync(mark)).toBe(false);
  });

  it.each(['.gitattributes', '.gitmodules', '.git'])('reads nothing of a %s: named where git would not have it', async (name) => {
    const blob = store('blob', Buffer.from('* filter=x diff=x merge=x\n[submodule "x"]\n\tpath = x\n\turl = --upload-pack=x\n'));
    const entries = inRepository('ls-tree', branch)
      .split('\n')
      .map((line) => line.split(/[ \t]/) as [string, string, string, string]);
    replaceBy(
      treeOf([['100644', name, blob] as const, ...entries.map(([mode, , oid, each]) => [mode.replace(/^0/, ''), each, oid] as const)]),
    );
    const victim = await open();
    expect((await fails(victim.read(writer.space, 0, PAGE), 'protocol')).message).toMatch(/git refuses/);
    await victim.close();
  });

  it('keeps caches that others cannot read, without a working tree', async () => {
    const caches = (await readdir(places.folder)).filter((name) => name.startsWith('caches-'));
    for (const cache of caches) {
      for (const [root] of [[join(places.folder, cache)]] as const) {
        expect((await stat(root)).mode & 0o077).toBe(0);
        const names = await readdir(root, { recursive: true });
        expect(names.filter((name) => /(^|\/)(index|log|\.gitattributes|checkpoint)$/.test(name))).toEqual([]);
      }
    }
    expect(caches.length).toBeGreaterThan(0);
  });

  it('is refused where git is missing or too old, by name', async () => {
    const empty = join(places.folder, 'bin-empty');
    const old = join(places.folder, 'bin-old');
    for (const folder of [empty, old]) await mkdir(folder, { recursive: true });
    await writeFile(join(old, 'git'), '#!/bin/sh\necho git version 2.11.0\n');
    await chmod(join(old, 'git'), 0o755);
    const attempt = (path: string): Promise<unknown> =>
      createGitRepository(gitAddress(`git+file://${repository}`), {
        clock: createTestClock(),
        random: gitRandom,
        caches: join(places.folder, 'caches-refused'),
        environment: { PATH: path, HOME: places.home },
      });
    expect((await fails(attempt(empty), 'unfit')).message).toMatch(/not installed/);
    expect((await fails(attempt(old), 'unfit')).message).toMatch(/too old/);
  });

  it('heals whatever happened to a cache, and says so', async () => {
    const notes: string[] = [];
    const caches = join(places.folder, 'caches-hurt');
    const again = (): Promise<Remote> => places.machines(`git+file://${repository}`, { note: (what) => notes.push(what) })();
    await rm(caches, { recursive: true, force: true });
    const hurt = async (victim: Remote, how: (cache: string) => Promise<unknown>): Promise<void> => {
      expect((await victim.read(writer.space, 0, PAGE)).records.length).toBeGreaterThan(0);
      const newest = (await readdir(places.folder))
        .filter((name) => /^caches-\d+$/.test(name))
        .toSorted((a, b) => Number(b.slice(7)) - Number(a.slice(7)))[0] as string;
      const root = join(places.folder, newest);
      const space = (await readdir(root, { recursive: true })).find((name) => /space-[0-9a-f]{64}$/.test(name)) as string;
      await how(join(root, space));
      const after = await victim.append(writer.space, head, segment([writer.record(head)])).catch((error: RemoteError) => error);
      if (after instanceof RemoteError) expect(after.type).toBe('unreachable');
      expect(await victim.head(writer.space)).not.toBeNull();
      expect((await victim.read(writer.space, 0, PAGE)).records.length).toBeGreaterThan(0);
      await victim.close();
    };
    await hurt(await again(), (cache) => rm(cache, { recursive: true }));
    await hurt(await again(), (cache) => rm(join(cache, 'objects'), { recursive: true }));
    await hurt(await again(), (cache) => writeFile(join(cache, 'shallow.lock'), ''));
    await hurt(await again(), (cache) => writeFile(join(cache, 'HEAD'), 'garbage'));
    await hurt(await again(), (cache) => writeFile(join(cache, 'refs', 'heads', 'tip'), `${'a'.repeat(40)}\n`));
    await hurt(await again(), async (cache) => {
      for (const name of await readdir(join(cache, 'objects'), { recursive: true })) {
        const path = join(cache, 'objects', name);
        if (!(await stat(path)).isFile()) continue;
        await chmod(path, 0o600);
        await writeFile(path, 'garbage');
      }
    });
    expect(notes.length).toBeGreaterThan(0);
  });
});
