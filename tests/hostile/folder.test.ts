import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { createFolder, openFolderRemote } from '../../src/remotes/folder/open.ts';
import { encodeFrame } from '../../src/remotes/folder/frame.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random } from '../gateways/native-place.ts';
import { createWorld, expectInSync, snapshotOf, type World } from './world.ts';
import { PATIENCE } from '../setup/patience.ts';

const MAILBOX = 'ab'.repeat(32);
const PAGE = { records: 1_000, bytes: 8 * 1024 * 1024 };
const DAYS_AGO = new Date(Date.now() - 3 * 24 * 60 * 60 * 1000);

/** A USB stick on which someone else writes, whatever they like, between two visits of ours. */
describe('a folder that a foreign writer had in hand', () => {
  let parent: string;
  let folder: string;
  let good: string;
  let world: World;

  const open = (): Promise<Remote> => openFolderRemote(folder, { clock: createTestClock(), random, pollEvery: 20 });

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'satchel-stick-'));
    [folder, good] = [join(parent, 'stick'), join(parent, 'good')];
    await mkdir(folder);
    await createFolder(folder, random);
    world = await createWorld('stick', open);
    await world.a.write('large.md', randomBytes(60_000).toString('base64'));
    await world.a.sync(world.hub);
    await writeCheckpoint(world.a.replica, world.hub);
    await world.b.sync(world.hub);
    const { clock } = world.a.replica.deps;
    await world.hub.mailboxes.post(MAILBOX, 'offer', randomBytes(40), clock.now() + 60_000);
    await cp(folder, good, { recursive: true, preserveTimestamps: true });
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));

  beforeEach(async () => {
    await rm(folder, { recursive: true, force: true });
    await cp(good, folder, { recursive: true, preserveTimestamps: true });
  });
  afterEach(() => rm(join(parent, 'outside'), { recursive: true, force: true }));

  async function below(path: string, type: 'file' | 'directory'): Promise<string[]> {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const fitting = entries.filter((entry) => (type === 'file' ? entry.isFile() : entry.isDirectory()));
    return fitting.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  }

  /** Everything that a machine asks of a folder. Each answers, or says what is wrong as a RemoteError; none hangs. */
  async function visit(): Promise<void> {
    const remote = await expectAnswer('open', open());
    if (remote === undefined) return;
    const { space } = world;
    const clock = createTestClock();
    const records = await expectAnswer('read', remote.read(space, 0, PAGE));
    const ids = (records?.records ?? []).length === 0 ? [] : await namedObjects();
    const questions: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['spaces', () => remote.spaces()],
      ['head', () => remote.head(space)],
      ['has', () => remote.hasObjects(space, ids)],
      ['get', () => remote.getObjects(space, ids)],
      ['put', () => remote.putObjects(space, [])],
      ['delete', () => remote.deleteObjects(space, ids)],
      ['checkpoint', () => remote.readCheckpoint(space)],
      ['write checkpoint', () => remote.writeCheckpoint(space, 0, new Uint8Array(3))],
      ['letters', () => remote.mailboxes.slots(MAILBOX)],
      ['letter', () => remote.mailboxes.read(MAILBOX, 'offer')],
      ['post', () => remote.mailboxes.post(MAILBOX, 'request-1', new Uint8Array(3), clock.now() + 60_000)],
      ['remove', () => remote.mailboxes.remove('cd'.repeat(32))],
    ];
    for (const [what, work] of questions) await expectAnswer(what, work());
    await remote.close();
  }

  async function namedObjects() {
    const states = await world.a.replica.list();
    return [...new Set(states.flatMap(({ content }) => content?.pieces.map((piece) => piece.object) ?? []))];
  }

  async function expectAnswer<T>(what: string, work: Promise<T>): Promise<T | undefined> {
    const hang = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`${what} hangs`)), PATIENCE.timeout).unref());
    try {
      return await Promise.race([work, hang]);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      expect(error.message).not.toContain('root:x:0');
      return undefined;
    }
  }

  /** A machine that syncs with it is unharmed, also as a new process. The stick is as it was, then. */
  async function expectMachineUnharmed(): Promise<void> {
    const { a } = world;
    const before = await snapshotOf(a);
    const remote = await expectAnswer('open', open());
    if (remote !== undefined) {
      await expectAnswer('sync', syncWith(a.replica, remote));
      await remote.close();
    }
    expect(await snapshotOf(a)).toEqual(before);
    await Replica.open(a.replica.deps, world.space);
    await rm(folder, { recursive: true, force: true });
    await cp(good, folder, { recursive: true, preserveTimestamps: true });
  }

  /** With the stick as it was, all is well. */
  afterEach(() => expectInSync(world));

  type Mischief = (path: string, files: readonly string[]) => Promise<unknown>;
  const mischief: readonly (readonly [string, Mischief])[] = [
    ['garbage', (path) => writeFile(path, randomBytes(500))],
    ['nothing', (path) => truncate(path, 0)],
    ['its first half', async (path) => truncate(path, (await lstat(path)).size >> 1)],
    ['a gigantic file', (path) => truncate(path, 2 ** 40)],
    ['another file', (path, files) => cp(files[(files.indexOf(path) + 1) % files.length] as string, path)],
    ['a directory', (path) => rm(path).then(() => mkdir(path))],
    ['a pipe', (path) => rm(path).then(() => promisify(execFile)('mkfifo', [path]))],
    ['a link to a file outside', (path) => rm(path).then(() => symlink('/etc/passwd', path))],
    ['a link to a device', (path) => rm(path).then(() => symlink('/dev/zero', path))],
    ['a link to itself', (path) => rm(path).then(() => symlink(path, path))],
    ['a link to nothing', (path) => rm(path).then(() => symlink('/nowhere', path))],
    ['nothing at all', (path) => rm(path)],
  ];

  it.each(mischief)('holds %s in the place of a file of each kind: answered or named, and nothing is harmed', async (_what, act) => {
    // One of each kind: any of them is met below, at random.
    const kinds = new Map((await below(good, 'file')).map((each) => [extname(each), join(folder, relative(good, each))]));
    expect(kinds.size).toBeGreaterThan(4);
    for (const path of kinds.values()) {
      await act(path, await below(folder, 'file'));
      await visit();
      await expectMachineUnharmed();
    }
  });

  it('holds a file in the place of each of its directories', async () => {
    for (const path of (await below(good, 'directory')).map((each) => join(folder, relative(good, each)))) {
      await rm(path, { recursive: true });
      await writeFile(path, 'x');
      await visit();
      await expectMachineUnharmed();
    }
  });

  it('holds a link to somebody’s documents in the place of each of its directories: nothing there is touched', async () => {
    const outside = join(parent, 'outside');
    for (const path of (await below(good, 'directory')).map((each) => join(folder, relative(good, each)))) {
      await rm(outside, { recursive: true, force: true });
      await plantDocuments(outside);
      const before = await pictureOf(outside);
      await rm(path, { recursive: true });
      await symlink(outside, path);
      await visit();
      expect(await pictureOf(outside)).toEqual(before);
      await expectMachineUnharmed();
      expect(await pictureOf(outside)).toEqual(before);
    }
  });

  /** Old files, some with names that drafts, letters, segments and checkpoints have. */
  async function plantDocuments(path: string): Promise<void> {
    const names = ['thesis.tex', 'photos/1.jpg', '00'.repeat(16), `${'cd'.repeat(32)}/offer.000000`, '00000000/0000000000.seg'];
    const expired = encodeFrame('LTR1', Buffer.alloc(8), Buffer.from('x'));
    for (const name of [...names, '0000000000000000-000000.ckpt']) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, name.endsWith('.000000') ? expired : `keep ${name}`);
      for (const each of [file, dirname(file)]) await utimes(each, DAYS_AGO, DAYS_AGO);
    }
  }

  async function pictureOf(path: string): Promise<Map<string, string>> {
    const picture = new Map<string, string>();
    for (const file of await below(path, 'file')) picture.set(relative(path, file), (await readFile(file)).toString('hex'));
    return picture;
  }

  it('holds names that no Satchel makes, everywhere', async () => {
    const names = ['.DS_Store', 'x'.repeat(255), '-rf', '0000000000.seg', '99999999', 'ff'.repeat(32), '..evil', 'a\nb', '0'];
    for (const directory of [folder, ...(await below(folder, 'directory'))])
      for (const name of names) await writeFile(join(directory, name), 'x', { flag: 'wx' }).catch(unlessTaken);
    await visit();
    await expectMachineUnharmed();
  });

  it('is mixed up at random: files swapped, cut, doubled, removed, several at once', async () => {
    const act = fc.record({ of: fc.nat(), to: fc.nat(), how: fc.nat({ max: mischief.length }) });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 4 }), async (acts) => {
        for (const { of, to, how } of acts) {
          const files = await below(folder, 'file');
          const [path, other] = [files[of % files.length], files[to % files.length]];
          if (path === undefined || other === undefined) break;
          const [, work] = mischief[how] ?? ['swapped', () => swap(path, other)];
          await work(path, files);
        }
        await visit();
        await expectMachineUnharmed();
      }),
      { numRuns: 5 },
    );
  });

  async function swap(path: string, other: string): Promise<void> {
    if (path === other) return;
    await rename(path, `${path}.x`);
    await rename(other, path);
    await rename(`${path}.x`, other);
  }
});

function unlessTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'EISDIR') throw error;
}
