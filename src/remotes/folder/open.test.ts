import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSpaceWriter, sealedObject, segment, type SpaceWriter } from '../../../tests/contracts/space-writer.ts';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { EMPTY_HEAD, headAfter, type Head, type LogRecord } from '../../core/log/record.ts';
import { RemoteError, type Remote } from '../../core/ports/remote.ts';
import { createFolder, openFolderRemote } from './open.ts';
import { PATIENCE } from '../../../tests/setup/patience.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const PAGE = { records: 1_000, bytes: 8 * 1024 * 1024 };

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'satchel-folder-'));
  folder = join(parent, 'remote');
  await mkdir(folder);
  await createFolder(folder, random);
});

afterEach(() => rm(parent, { recursive: true }));

const open = (path = folder): Promise<Remote> => openFolderRemote(path, { clock: createTestClock(), random, pollEvery: 20 });

async function errorOf(attempt: Promise<unknown>): Promise<RemoteError> {
  const error = await attempt.then(
    () => new Error('it worked'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(RemoteError);
  return error as RemoteError;
}

/** A space with so many segments behind its genesis, one record and one object each. */
async function filled(remote: Remote, segments: number): Promise<{ writer: SpaceWriter; head: Head; records: LogRecord[] }> {
  const writer = createSpaceWriter();
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  const records = [writer.genesis];
  for (let turn = 0; turn < segments; turn += 1) {
    const object = sealedObject(100);
    const record = writer.record(headAfter(records.at(-1) as LogRecord), { objects: [object.id] });
    await remote.append(writer.space, headAfter(records.at(-1) as LogRecord), segment([record], [object]));
    records.push(record);
  }
  return { writer, head: headAfter(records.at(-1) as LogRecord), records };
}

async function filesUnder(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a folder that is not there', () => {
  it('is unreachable, and never an empty log', async () => {
    const remote = await open();
    const { writer, head } = await filled(remote, 2);
    await rename(folder, join(parent, 'unplugged'));
    for (const gone of ['nothing at all', 'an empty mount point']) {
      if (gone !== 'nothing at all') await mkdir(folder);
      for (const attempt of [
        () => remote.head(writer.space),
        () => remote.read(writer.space, 0, PAGE),
        () => remote.head(createSpaceWriter().space),
        () => remote.append(writer.space, head, segment([writer.record(head)])),
        () => remote.putObjects(writer.space, [sealedObject(5)]),
        () => remote.hasObjects(writer.space, []),
        () => remote.readCheckpoint(writer.space),
        () => remote.writeCheckpoint(writer.space, 3, randomBytes(3)),
        () => remote.mailboxes.slots('a'.repeat(64)),
        () => open(),
      ]) {
        expect([gone, (await errorOf(attempt())).type]).toEqual([gone, 'unreachable']);
      }
    }
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    await rename(join(parent, 'unplugged'), folder);
    expect(await remote.head(writer.space)).toEqual(head);
  });

  it('is unreachable where another folder is in its place', async () => {
    const remote = await open();
    await rename(folder, join(parent, 'first'));
    await mkdir(folder);
    await createFolder(folder, random);
    const error = await errorOf(remote.head(createSpaceWriter().space));
    expect(error.type).toBe('unreachable');
    expect(error.message).toContain('another folder');
  });

  it('ends a watch with an error when it vanishes', async () => {
    const remote = await open();
    const { writer } = await filled(remote, 1);
    let vanish: Promise<void> | undefined;
    const watching = remote.watch(
      [writer.space],
      () => (vanish ??= rename(folder, join(parent, 'unplugged'))),
      new AbortController().signal,
    );
    expect((await errorOf(watching)).type).toBe('unreachable');
    await vanish;
  });

  it('ends a watch when it is closed', async () => {
    const remote = await open();
    const { writer } = await filled(remote, 1);
    const watching = remote.watch([writer.space], () => void remote.close(), new AbortController().signal);
    expect((await errorOf(watching)).type).toBe('unreachable');
  });
});

describe('a watch', () => {
  it('hears of other writers on this machine long before it polls', async () => {
    const watcher = await openFolderRemote(folder, { clock: createTestClock(), random, pollEvery: 3_600_000 });
    const other = await open();
    const { writer, head } = await filled(other, 1);
    const stop = new AbortController();
    const seen: (Head | null)[] = [];
    const watching = watcher.watch([writer.space], (_, at) => seen.push(at), stop.signal);
    await vi.waitFor(() => expect(seen).toEqual([head]), PATIENCE);
    const record = writer.record(head);
    await other.append(writer.space, head, segment([record]));
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(headAfter(record)), PATIENCE);
    stop.abort();
    await watching;
  });
});

describe('the marker', () => {
  it('keeps its id when a folder is made a remote again', async () => {
    const id = await createFolder(folder, random);
    expect(await createFolder(folder, random)).toBe(id);
    const ids = await Promise.all(Array.from({ length: 4 }, () => createFolder(folder, random)));
    expect(new Set(ids)).toEqual(new Set([id]));
  });

  it('is made once by several at once', async () => {
    const fresh = join(parent, 'fresh');
    await mkdir(fresh);
    const ids = await Promise.all(Array.from({ length: 6 }, () => createFolder(fresh, random)));
    expect(new Set(ids).size).toBe(1);
  });

  it('names a later version, and damage', async () => {
    const marker = join(folder, 'satchel-folder.json');
    await rm(marker);
    for (const [text, named] of [
      ['{"format":"satchel-folder","version":2,"id":"00"}', 'version 2'],
      ['{"format":"satchel-folder","version":1}', 'damaged'],
      ['{"format":"other"}', 'another program'],
      ['{"form', 'damaged'],
      ['', 'damaged'],
      ['null', 'damaged'],
    ] as const) {
      await writeFile(marker, text);
      const error = await errorOf(open());
      expect(error.type).toBe('protocol');
      expect(error.message).toContain(named);
    }
  });

  it('is not put into a folder with spaces of something else', async () => {
    await filled(await open(), 0);
    await rm(join(folder, 'satchel-folder.json'));
    const error = await errorOf(createFolder(folder, random));
    expect(error.type).toBe('unfit');
    expect(error.message).toContain('copied in part');
  });
});

describe('damage', () => {
  it('is named for every file that is torn, at every length, and read for none', async () => {
    const remote = await open();
    const { writer, records } = await filled(remote, 3);
    await remote.writeCheckpoint(writer.space, 2, randomBytes(300));
    const home = join(folder, 'spaces', writer.space);
    const ids = records.flatMap((record) => record.header.objects);
    for (const path of await filesUnder(home)) {
      const whole = await readFile(path);
      for (const length of [0, 1, 11, 55, 100, whole.length - 1]) {
        await truncate(path, length);
        const fresh = await open();
        const error = await errorOf(
          (async () => {
            await fresh.read(writer.space, 0, PAGE);
            await fresh.getObjects(writer.space, ids);
            await fresh.readCheckpoint(writer.space);
          })(),
        );
        expect(error.type).toBe('protocol');
        expect(error.message).toContain(path);
        await writeFile(path, whole);
      }
    }
  });

  it('is named for a flipped bit anywhere', async () => {
    const remote = await open();
    const { writer, records } = await filled(remote, 1);
    const ids = records.flatMap((record) => record.header.objects);
    for (const path of await filesUnder(join(folder, 'spaces', writer.space))) {
      const whole = await readFile(path);
      for (let at = 0; at < whole.length; at += 17) {
        const flipped = Buffer.from(whole);
        flipped.writeUInt8((whole[at] as number) ^ 4, at);
        await writeFile(path, flipped);
        const fresh = await open();
        const attempt = async (): Promise<void> => {
          await fresh.read(writer.space, 0, PAGE);
          await fresh.getObjects(writer.space, ids);
        };
        expect((await errorOf(attempt())).message, `byte ${at}`).toContain(path);
      }
      await writeFile(path, whole);
    }
  });

  it('does not let a half-copied folder grow a second history', async () => {
    const remote = await open();
    const { writer, records } = await filled(remote, 9);
    const copy = join(parent, 'copy');
    await cp(folder, copy, { recursive: true });
    const missing = (await filesUnder(join(copy, 'spaces', writer.space, 'log'))).find((path) => path.endsWith('0000000004.seg')) as string;
    await rm(missing);
    const partial = await open(copy);
    const behind = headAfter(records[3] as LogRecord);
    const error = await errorOf(partial.append(writer.space, behind, segment([writer.record(behind)])));
    expect(error.type).toBe('protocol');
    expect(error.message).toContain('0000000004.seg');
  });

  it('of a pack keeps the log readable', async () => {
    const remote = await open();
    const { writer, records } = await filled(remote, 2);
    const packs = await filesUnder(join(folder, 'spaces', writer.space, 'objects'));
    await truncate(packs[0] as string, 10);
    const fresh = await open();
    expect((await fresh.read(writer.space, 0, PAGE)).records).toHaveLength(records.length);
  });
});

describe('a folder restored from an older copy', () => {
  it('is seen as it is, by those who knew the newer one', async () => {
    const remote = await open();
    const { writer, records } = await filled(remote, 3);
    const copy = join(parent, 'copy');
    await cp(folder, copy, { recursive: true, preserveTimestamps: true });
    const newest = headAfter(records[3] as LogRecord);
    const object = sealedObject(9);
    const lost = writer.record(newest, { objects: [object.id] });
    await remote.append(writer.space, newest, segment([lost], [object]));
    await rm(folder, { recursive: true });
    await rename(copy, folder);
    expect(await remote.head(writer.space)).toEqual(newest);
    expect((await remote.hasObjects(writer.space, [object.id])).size).toBe(0);
    const other = writer.record(newest);
    await remote.append(writer.space, newest, segment([other]));
    expect(await remote.head(writer.space)).toEqual(headAfter(other));
  });
});

describe('many segments and packs', () => {
  it('are found by a new reader, through merged tables, and without them', async () => {
    const remote = await open();
    const { writer, records, head } = await filled(remote, 140);
    const ids = records.flatMap((record) => record.header.objects);
    const index = join(folder, 'spaces', writer.space, 'objects', 'index');
    expect((await readdir(index)).toSorted()).toEqual(['64-00000000.idx', '64-00000001.idx']);
    expect((await (await open()).getObjects(writer.space, ids)).size).toBe(140);
    await rm(index, { recursive: true });
    const fresh = await open();
    expect((await fresh.getObjects(writer.space, ids)).size).toBe(140);
    expect(await fresh.head(writer.space)).toEqual(head);
    const page = await fresh.read(writer.space, 97, { records: 5, bytes: PAGE.bytes });
    expect(page.records).toHaveLength(5);
    await fresh.putObjects(writer.space, [sealedObject(3)]);
    expect(await readdir(index)).toHaveLength(2);
  });

  it('takes a segment behind another writer in the middle of whose segment a stale writer stands', async () => {
    const remote = await open();
    const { writer, head } = await filled(remote, 0);
    const theirs = writer.chain(head, 3);
    await remote.append(writer.space, head, segment(theirs));
    const middle = headAfter(theirs[0] as LogRecord);
    const outcome = await (await open()).append(writer.space, middle, segment([writer.record(middle)]));
    expect(outcome).toMatchObject({ type: 'moved', head: headAfter(theirs[2] as LogRecord), missing: { length: 2 } });
  });
});

describe('what it leaves in the folder', () => {
  it('is for its owner alone', async () => {
    const remote = await open();
    const { writer } = await filled(remote, 1);
    await remote.writeCheckpoint(writer.space, 1, randomBytes(5));
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
  });

  it('is no temporary file, and one checkpoint', async () => {
    const remote = await open();
    const { writer } = await filled(remote, 3);
    for (const position of [1, 2, 2, 3]) await remote.writeCheckpoint(writer.space, position, randomBytes(5));
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
    expect(await readdir(join(folder, 'spaces', writer.space, 'checkpoints'))).toEqual(['0000000000000003-000000.ckpt']);
  });

  it('is cleared of what crashed writers left, by age', async () => {
    const [stale, young] = [join(folder, 'tmp', '0a'.repeat(16)), join(folder, 'tmp', '0b'.repeat(16))];
    await writeFile(stale, 'x');
    await writeFile(young, 'x');
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(stale, old, old);
    await open();
    expect(await readdir(join(folder, 'tmp'))).toEqual(['0b'.repeat(16)]);
  });
});
