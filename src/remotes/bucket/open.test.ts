import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { controlWriter, createSpaceWriter, genesisOf, sealedObject, segment } from '../../../tests/contracts/space-writer.ts';
import { createTestClock, type TestClock } from '../../../tests/contracts/test-clock.ts';
import { createFaultyBlobs, type BlobsCall, type BlobsFault } from '../../../tests/doubles/faulty-blobs.ts';
import { createMemoryBucket, type MemoryBucket } from '../../blobs/memory/memory-bucket.ts';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { EMPTY_HEAD, encodeRecord, headAfter, type Head, type LogRecord } from '../../core/log/record.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import { RemoteError, type Remote } from '../../core/ports/remote.ts';
import { createBucket, openBucketRemote } from './open.ts';
import { encodeRollup } from './segment.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const PAGE = { records: 1_000, bytes: 8 * 1024 * 1024 };
const FOREVER = { limit: 1_000 };

let bucket: MemoryBucket;
let raw: Blobs;
let clock: TestClock;
beforeEach(async () => {
  bucket = createMemoryBucket();
  raw = bucket.open();
  clock = createTestClock();
  await createBucket(raw, random, 0);
});

/** A connection whose calls are counted, and may fail. */
async function connect(next: (call: BlobsCall, name: string) => BlobsFault = () => null) {
  const calls: string[] = [];
  const blobs = createFaultyBlobs(bucket.open(), (call, name) => {
    calls.push(`${call} ${name.replace(/spaces\/[0-9a-f]{64}\//, '').replace(/[0-9a-f]{64}/, 'ID')}`);
    return next(call, name);
  });
  const remote = await openBucketRemote(blobs, { clock, random });
  calls.length = 0;
  return { remote, calls, take: () => calls.splice(0) };
}

/** A log of so many segments, of one record each. */
async function logOf(remote: Remote, segments: number) {
  const writer = createSpaceWriter();
  const records: LogRecord[] = [writer.genesis];
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  while (records.length < segments) {
    const record = writer.record(headAfter(records.at(-1) as LogRecord));
    await remote.append(writer.space, headAfter(records.at(-1) as LogRecord), segment([record]));
    records.push(record);
  }
  return { writer, records, head: headAfter(records.at(-1) as LogRecord) };
}

async function readAll(remote: Remote, space: Parameters<Remote['read']>[0], page = PAGE): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const { records } = await remote.read(space, found.length, page);
    if (records.length === 0) return found;
    found.push(...records.map((bytes) => Buffer.from(bytes).toString('hex')));
  }
}

const hexOf = (records: readonly LogRecord[]): string[] => records.map((record) => Buffer.from(encodeRecord(record)).toString('hex'));

async function emptied(): Promise<void> {
  const { blobs } = await raw.list('', FOREVER);
  await raw.remove(blobs.map(({ name }) => name));
}

describe('openBucketRemote', () => {
  it('takes an empty or wrong place for none, not for an empty log', async () => {
    await expect(openBucketRemote(createMemoryBucket().open(), { clock, random })).rejects.toMatchObject({ type: 'unreachable' });
    const { remote } = await connect();
    const { writer } = await logOf(remote, 3);
    await emptied();
    await expect(remote.head(writer.space)).rejects.toMatchObject({ type: 'unreachable' });
    await expect(remote.read(writer.space, 0, PAGE)).rejects.toMatchObject({ type: 'unreachable' });
    await expect(remote.spaces()).rejects.toMatchObject({ type: 'unreachable' });
    const other = createSpaceWriter();
    await expect(remote.append(other.space, EMPTY_HEAD, segment([other.genesis]))).rejects.toMatchObject({ type: 'unreachable' });
  });

  it.each([
    ['another program', '{"format":"tarsnap"}'],
    ['another program', 'hello'],
    ['damaged', '{"format":"satchel-bucket","version":1,"id":"x","batchMs":0}'],
    ['damaged', `{"format":"satchel-bucket","version":1,"id":"${'0'.repeat(32)}","batchMs":-1}`],
    ['version 2', '{"format":"satchel-bucket","version":2}'],
  ])('refuses a marker that says %s: %s', async (reason, text) => {
    await raw.write('satchel-bucket.json', Buffer.from(text));
    await expect(openBucketRemote(bucket.open(), { clock, random })).rejects.toMatchObject({
      type: 'protocol',
      message: expect.stringContaining(reason),
    });
    await expect(createBucket(raw, random)).rejects.toBeInstanceOf(RemoteError);
  });

  it('is made once', async () => {
    const before = await raw.read('satchel-bucket.json');
    expect(await createBucket(raw, random)).toMatchObject({ batchEvery: 0 });
    expect(await raw.read('satchel-bucket.json')).toEqual(before);
  });
});

describe('requests', () => {
  it('are two for an append behind a head that is known, and one more for each new object', async () => {
    const { remote, take } = await connect();
    const { writer, head } = await logOf(remote, 2);
    take();
    const object = sealedObject(100);
    const record = writer.record(head, { objects: [object.id] });
    await remote.append(writer.space, head, segment([record], [object]));
    expect(take()).toEqual(['read log/0000000001', 'create objects/ID', 'create log/0000000002']);
    const again = writer.record(headAfter(record), { objects: [object.id] });
    await remote.append(writer.space, headAfter(record), segment([again]));
    expect(take()).toEqual(['read log/0000000002', 'create log/0000000003']);
  });

  it('are two for a look, and none more for what the look found', async () => {
    const [{ remote }, other] = [await connect(), await connect()];
    const { writer, head } = await logOf(remote, 2);
    await other.remote.head(writer.space);
    other.take();
    await other.remote.head(writer.space);
    expect(other.take()).toEqual(['read log/0000000001', 'read log/0000000002']);
    await remote.append(writer.space, head, segment([writer.record(head)]));
    expect((await other.remote.head(writer.space))?.position).toBe(2);
    expect(other.take()).toEqual(['read log/0000000001', 'read log/0000000002', 'read log/0000000003']);
    expect((await other.remote.read(writer.space, 2, PAGE)).records).toHaveLength(1);
    expect(other.take()).toEqual(['read log/0000000002', 'read log/0000000003']);
  });

  it('are few for a machine that reads a long log of small segments, which are rolled up as they come', async () => {
    const { remote } = await connect();
    const { writer, records } = await logOf(remote, 200);
    const fresh = await connect();
    expect(await readAll(fresh.remote, writer.space)).toEqual(hexOf(records));
    const calls = fresh.take();
    expect(calls.filter((call) => call.startsWith('read rollups/'))).toEqual([0, 1, 2].map((at) => `read rollups/0064/000000000${at}`));
    expect(calls.length).toBeLessThan(40);
    const paging = await connect();
    expect(await readAll(paging.remote, writer.space, { ...PAGE, records: 7 })).toEqual(hexOf(records));
    expect(paging.take().length).toBeLessThan(45);
  });

  it('are few where a log goes on from far within', async () => {
    const { remote } = await connect();
    const { writer, records } = await logOf(remote, 150);
    const fresh = await connect();
    const { records: found, head } = await fresh.remote.read(writer.space, 101, PAGE);
    expect(found.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(hexOf(records.slice(101)));
    expect(head?.position).toBe(149);
    expect(fresh.take().length).toBeLessThan(75);
  });
});

describe('rollups', () => {
  it('are made by a reader too, and not needed', async () => {
    const { remote } = await connect((_, name) => (name.includes('/rollups/') ? 'request' : null));
    const { writer, records } = await logOf(remote, 140);
    expect((await raw.list(`spaces/${writer.space}/rollups/`, FOREVER)).blobs).toEqual([]);
    expect(await readAll((await connect()).remote, writer.space)).toEqual(hexOf(records));
    expect((await raw.list(`spaces/${writer.space}/rollups/`, FOREVER)).blobs).toHaveLength(2);
  });

  it('that are damaged are passed over', async () => {
    const { remote } = await connect();
    const { writer, records } = await logOf(remote, 130);
    await raw.write(`spaces/${writer.space}/rollups/0064/0000000000`, Buffer.from('garbage'));
    const second = (await raw.read(`spaces/${writer.space}/rollups/0064/0000000001`)) as Uint8Array;
    expect(await readAll((await connect()).remote, writer.space)).toEqual(hexOf(records));
    await raw.write(`spaces/${writer.space}/rollups/0064/0000000000`, second);
    expect(await readAll((await connect()).remote, writer.space)).toEqual(hexOf(records));
    // One that is right in itself, and ends too early.
    const few = records.slice(0, 30);
    const info = { first: 0, head: headAfter(few.at(-1) as LogRecord), dropBefore: null, nonce: '00'.repeat(16) };
    await raw.write(`spaces/${writer.space}/rollups/0064/0000000000`, encodeRollup(info, few.map(encodeRecord)));
    expect(await readAll((await connect()).remote, writer.space)).toEqual(hexOf(records));
  });

  it('leave out segments that are large enough by themselves', async () => {
    const { remote } = await connect();
    const { writer, head } = await logOf(remote, 56);
    let at: Head = head;
    for (let more = 0; more < 8; more += 1) {
      const record = writer.record(at, {}, randomBytes(800_000));
      await remote.append(writer.space, at, segment([record]));
      at = headAfter(record);
    }
    expect((await raw.list(`spaces/${writer.space}/rollups/`, FOREVER)).blobs).toEqual([]);
    expect(await readAll((await connect()).remote, writer.space)).toHaveLength(64);
  });
});

describe('what goes wrong', () => {
  it('decides by the bytes what became of an append whose answer was lost', async () => {
    let fault: BlobsFault = null;
    const { remote } = await connect((call, name) => (call === 'create' && name.includes('/log/') ? fault : null));
    const { writer, head } = await logOf(remote, 2);
    for (const each of ['request', 'answer'] as const) {
      fault = each;
      const at = (await remote.head(writer.space)) ?? head;
      const record = writer.record(at);
      await expect(remote.append(writer.space, at, segment([record]))).rejects.toMatchObject({ type: 'unreachable' });
      fault = null;
      const found = await remote.read(writer.space, at.position + 1, PAGE);
      expect(found.records).toHaveLength(each === 'answer' ? 1 : 0);
      const next = await remote.append(writer.space, at, segment([record]));
      expect(next.type).toBe(each === 'answer' ? 'moved' : 'appended');
    }
    expect(await readAll(remote, writer.space)).toHaveLength(4);
  });

  it('lets a writer that saw an old head lose', async () => {
    const [{ remote }, stale] = [await connect(), await connect()];
    const { writer, head } = await logOf(remote, 2);
    await stale.remote.head(writer.space);
    const theirs = writer.record(head);
    await remote.append(writer.space, head, segment([theirs]));
    const late = await stale.remote.append(writer.space, head, segment([writer.record(head)]));
    expect(late).toMatchObject({ type: 'moved', head: headAfter(theirs) });
    expect(late.type === 'moved' && late.missing.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(hexOf([theirs]));
  });

  it('names a segment that is missing in the middle', async () => {
    const { remote } = await connect();
    const { writer } = await logOf(remote, 40);
    await raw.remove([`spaces/${writer.space}/log/0000000020`]);
    const fresh = (await connect()).remote;
    await expect(readAll(fresh, writer.space)).rejects.toMatchObject({
      type: 'protocol',
      message: expect.stringContaining('log/0000000020'),
    });
  });

  it('names a segment that is damaged, and does not take it for the end', async () => {
    const { remote } = await connect();
    const { writer, head } = await logOf(remote, 3);
    await raw.write(`spaces/${writer.space}/log/0000000003`, Buffer.from('garbage'));
    for (const each of [remote, (await connect()).remote]) {
      await expect(each.head(writer.space)).rejects.toMatchObject({ type: 'protocol', message: expect.stringContaining('0000000003') });
      await expect(each.read(writer.space, 3, PAGE)).rejects.toMatchObject({ type: 'protocol' });
    }
    await expect(remote.append(writer.space, head, segment([writer.record(head)]))).rejects.toMatchObject({ type: 'protocol' });
  });

  it('notices that the bucket came back as an older copy', async () => {
    const { remote } = await connect();
    const { writer, records } = await logOf(remote, 3);
    const copy = new Map<string, Uint8Array>();
    for (const { name } of (await raw.list('', FOREVER)).blobs) copy.set(name, (await raw.read(name)) as Uint8Array);
    const head = headAfter(records[2] as LogRecord);
    await remote.append(writer.space, head, segment([writer.record(head)]));
    await emptied();
    for (const [name, bytes] of copy) await raw.write(name, bytes);
    expect(await remote.head(writer.space)).toEqual(head);
    expect(await remote.append(writer.space, head, segment([writer.record(head)]))).toMatchObject({ type: 'appended' });
  });

  it('leaves no gap where the bucket came back as an older copy a moment ago', async () => {
    const { remote } = await connect();
    const { writer, records } = await logOf(remote, 4);
    await raw.remove([2, 3].map((number) => `spaces/${writer.space}/log/000000000${number}`));
    const head = headAfter(records[3] as LogRecord);
    const outcome = await remote.append(writer.space, head, segment([writer.record(head)]));
    expect(outcome).toEqual({ type: 'moved', head: headAfter(records[1] as LogRecord), missing: [] });
  });

  it('names an object that does not match its name', async () => {
    const { remote } = await connect();
    const { writer } = await logOf(remote, 1);
    const object = sealedObject(100);
    await remote.putObjects(writer.space, [object]);
    await raw.write(`spaces/${writer.space}/objects/${object.id}`, randomBytes(100));
    await expect(remote.getObjects(writer.space, [object.id])).rejects.toMatchObject({ type: 'protocol' });
  });

  it('refuses every call once it was closed', async () => {
    const { remote } = await connect();
    const { writer } = await logOf(remote, 1);
    await remote.close();
    await expect(remote.head(writer.space)).rejects.toMatchObject({ type: 'unreachable' });
    await expect(remote.watch([writer.space], () => undefined, new AbortController().signal)).rejects.toMatchObject({
      type: 'unreachable',
    });
  });
});

it('says what somebody took out of the bucket, although it was seen there, and takes it again', async () => {
  const key = createSigningKey(randomBytes(32));
  const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
  const [object, other] = [sealedObject(500), sealedObject(400)];
  const naming = writer.record(headAfter(writer.genesis), { objects: [object.id, other.id] });
  const { remote } = await connect();
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis, naming], [object, other]));
  expect((await remote.hasObjects(writer.space, [object.id, other.id])).size).toBe(2);
  await raw.remove([`spaces/${writer.space}/objects/${object.id}`]);
  expect([...(await remote.hasObjects(writer.space, [object.id, other.id]))]).toEqual([other.id]);
  await remote.putObjects(writer.space, [object, other]);
  expect((await (await connect()).remote.getObjects(writer.space, [object.id, other.id])).size).toBe(2);
});

describe('deletions', () => {
  async function pruned() {
    const key = createSigningKey(randomBytes(32));
    const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
    const owner = controlWriter(writer.space, writer.genesis.hash, key);
    const object = sealedObject(500);
    const naming = writer.record(headAfter(writer.genesis), { objects: [object.id] });
    const prune = owner.control(headAfter(naming), { op: 'prune', objects: [object.id] });
    const { remote } = await connect();
    const records = [writer.genesis, naming, prune];
    await remote.append(writer.space, EMPTY_HEAD, segment(records, [object]));
    const listed = async (): Promise<number> => (await raw.list(`spaces/${writer.space}/objects/`, FOREVER)).blobs.length;
    return { writer, object, records, head: headAfter(prune), remote, listed };
  }

  it('take the bytes away at once, and a name whose blob went is not used again', async () => {
    const { writer, object, head, remote, listed } = await pruned();
    const other = (await connect()).remote;
    expect((await other.hasObjects(writer.space, [object.id])).size).toBe(1);
    await remote.deleteObjects(writer.space, [object.id]);
    expect(await listed()).toBe(0);
    expect((await other.hasObjects(writer.space, [object.id])).size).toBe(0);
    await other.putObjects(writer.space, [object]);
    expect((await raw.list(`spaces/${writer.space}/objects/`, FOREVER)).blobs[0]?.name).toMatch(/\.1$/);
    const naming = writer.record(head, { objects: [object.id] });
    expect(await remote.append(writer.space, head, segment([naming]))).toMatchObject({ type: 'appended' });
    expect((await (await connect()).remote.getObjects(writer.space, [object.id])).size).toBe(1);
  });

  it('are seen by an append that counted on what they take away', async () => {
    const { writer, object, head, remote } = await pruned();
    const other = (await connect()).remote;
    await other.head(writer.space);
    expect((await other.hasObjects(writer.space, [object.id])).size).toBe(1);
    await remote.deleteObjects(writer.space, [object.id]);
    const naming = writer.record(head, { objects: [object.id] });
    expect(await other.append(writer.space, head, segment([naming]))).toEqual({ type: 'missing-objects', ids: [object.id] });
    const plain = writer.record(head);
    expect(await other.append(writer.space, head, segment([plain]))).toMatchObject({ type: 'appended' });
  });

  it('do not confuse who goes on in a bucket that was restored, where records have other numbers', async () => {
    const { writer, object, head, remote, records } = await pruned();
    await remote.deleteObjects(writer.space, [object.id]);
    const [third, fourth] = writer.chain(head, 2) as [LogRecord, LogRecord];
    await remote.append(writer.space, head, segment([third]));
    // It sees the deletion, and then nothing more for a while.
    let isCut = false;
    const cut = await connect((_, name) => (isCut && name.endsWith('0000000002') ? 'request' : null));
    await cut.remote.read(writer.space, 0, PAGE);
    isCut = true;
    const marker = (await raw.read('satchel-bucket.json')) as Uint8Array;
    await emptied();
    await raw.write('satchel-bucket.json', marker);
    const restoring = (await connect()).remote;
    await restoring.append(writer.space, EMPTY_HEAD, segment(records, [object]));
    await restoring.append(writer.space, head, segment([third]));
    await restoring.append(writer.space, headAfter(third), segment([fourth]));
    isCut = false;
    const { records: found } = await cut.remote.read(writer.space, 3, PAGE);
    expect(found.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(hexOf([third, fourth]));
    expect((await cut.remote.hasObjects(writer.space, [object.id])).size).toBe(1);
  });

  it('do not confuse who comes back to a bucket that was restored, where another blob ends in the same head', async () => {
    const { writer, object, head, remote, records } = await pruned();
    await remote.deleteObjects(writer.space, [object.id]);
    const [third] = writer.chain(head, 1) as [LogRecord];
    await remote.append(writer.space, head, segment([third]));
    const before = (await connect()).remote;
    await before.read(writer.space, 0, PAGE);
    expect((await before.hasObjects(writer.space, [object.id])).size).toBe(0);
    const marker = (await raw.read('satchel-bucket.json')) as Uint8Array;
    await emptied();
    await raw.write('satchel-bucket.json', marker);
    // Without the deletion, and in as many blobs.
    const restoring = (await connect()).remote;
    await restoring.append(writer.space, EMPTY_HEAD, segment(records.slice(0, 2), [object]));
    await restoring.append(writer.space, headAfter(records[1] as LogRecord), segment(records.slice(2)));
    await restoring.append(writer.space, head, segment([third]));
    expect((await before.hasObjects(writer.space, [object.id])).size).toBe(1);
    expect((await before.read(writer.space, 0, PAGE)).records).toHaveLength(4);
  });

  it('that were interrupted are finished by the next who obeys', async () => {
    const { writer, object, listed } = await pruned();
    const dying = await connect((call) => (call === 'remove' ? 'request' : null));
    await expect(dying.remote.deleteObjects(writer.space, [object.id])).rejects.toMatchObject({ type: 'unreachable' });
    expect(await listed()).toBe(1);
    const other = (await connect()).remote;
    expect((await other.hasObjects(writer.space, [object.id])).size).toBe(0);
    await other.deleteObjects(writer.space, [object.id]);
    expect(await listed()).toBe(0);
  });
});
