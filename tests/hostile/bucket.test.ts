import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryBucket, type MemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { EMPTY_HEAD, headAfter, type LogRecord } from '../../src/core/log/record.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { createBucket, openBucketRemote } from '../../src/remotes/bucket/open.ts';
import { controlWriter, createSpaceWriter, genesisOf, sealedObject, segment } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';

/** Whoever holds a bucket's credentials changes blobs: all is answered, or named, and nothing else is thrown. */
const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const clock = createTestClock();
const PAGE = { records: 1_000, bytes: 8 * 1024 * 1024 };
const MAILBOX = 'ab'.repeat(32);

let bucket: MemoryBucket;
let raw: Blobs;
let names: string[];
let around: Awaited<ReturnType<typeof fill>>;

/** A bucket with a blob of every kind: rollups, deletions, checkpoints, letters. */
async function fill() {
  const key = createSigningKey(randomBytes(32));
  const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
  const owner = controlWriter(writer.space, writer.genesis.hash, key);
  const [gone, kept] = [sealedObject(300), sealedObject(400)];
  const naming = writer.record(headAfter(writer.genesis), { objects: [gone.id, kept.id] });
  const prune = owner.control(headAfter(naming), { op: 'prune', objects: [gone.id] });
  await createBucket(raw, random, 0);
  const remote = await openBucketRemote(bucket.open(), { clock, random });
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis, naming, prune], [gone, kept]));
  await remote.deleteObjects(writer.space, [gone.id]);
  let head = headAfter(prune);
  for (let more = 0; more < 70; more += 1) {
    const record: LogRecord = writer.record(head);
    await remote.append(writer.space, head, segment([record]));
    head = headAfter(record);
  }
  await remote.writeCheckpoint(writer.space, 5, randomBytes(100));
  await remote.writeCheckpoint(writer.space, 9, randomBytes(200));
  for (const slot of ['offer', 'answer']) await remote.mailboxes.post(MAILBOX, slot, randomBytes(50), clock.now() + 60_000);
  return { writer, head, gone, kept, remote };
}

beforeEach(async () => {
  bucket = createMemoryBucket();
  raw = bucket.open();
  around = await fill();
  names = (await raw.list('', { limit: 1_000 })).blobs.map(({ name }) => name);
});

/** All that a remote is asked, by a process that knows nothing and by one that knew all; how each of it ended. */
async function askAll(): Promise<string[]> {
  const { writer, head, gone, kept } = around;
  const { space } = writer;
  const asked: Record<string, (remote: Remote) => Promise<unknown>> = {
    spaces: (remote) => remote.spaces(),
    head: (remote) => remote.head(space),
    read: (remote) => remote.read(space, 0, PAGE),
    'read on': (remote) => remote.read(space, 60, PAGE),
    has: (remote) => remote.hasObjects(space, [gone.id, kept.id]),
    get: (remote) => remote.getObjects(space, [gone.id, kept.id]),
    put: (remote) => remote.putObjects(space, [gone]),
    checkpoint: (remote) => remote.readCheckpoint(space),
    'write checkpoint': (remote) => remote.writeCheckpoint(space, 10, randomBytes(10)),
    slots: (remote) => remote.mailboxes.slots(MAILBOX),
    post: (remote) => remote.mailboxes.post(MAILBOX, `slot-${Math.random()}`.replace('.', ''), randomBytes(5), clock.now() + 60_000),
    delete: (remote) => remote.deleteObjects(space, [gone.id]),
    append: (remote) => remote.append(space, head, segment([writer.record(head)])),
  };
  const outcomes: string[] = [];
  for (const open of [async () => around.remote, () => openBucketRemote(bucket.open(), { clock, random })]) {
    const remote = await open().catch(named);
    if (typeof remote === 'string') outcomes.push(remote);
    else for (const [what, ask] of Object.entries(asked)) outcomes.push(`${what}: ${await ask(remote).then(() => 'answered', named)}`);
  }
  return outcomes;
}

function named(error: unknown): string {
  if (!(error instanceof RemoteError) || !['protocol', 'unreachable'].includes(error.type)) throw error;
  return error.type;
}

describe('a bucket in hostile hands', () => {
  it('has a blob of every kind in this test', () => {
    const { space } = around.writer;
    const kinds = new Set(names.map((name) => name.replace(space, '').replaceAll(/[0-9a-f]{16,}|\d{10}/g, '#')));
    expect([...kinds].toSorted()).toEqual([
      'mailboxes/#/#',
      'register/#',
      'satchel-bucket.json',
      'spaces//checkpoints/#',
      'spaces//checkpoints/bodies/#',
      'spaces//log/#',
      'spaces//log/newest',
      'spaces//objects/#',
      'spaces//rollups/0064/#',
    ]);
  });

  it.each(['garbage', 'nothing', 'half', 'another', 'removed'])('holds %s in the place of each blob: answered or named', async (how) => {
    const shown = names.filter((name) => !/log\/00000000(?:0[2-9]|[1-5]\d)$/.test(name));
    for (const name of shown) {
      const before = await raw.read(name);
      if (before === null) continue; // what is asked replaces checkpoints
      const other = await raw.read(names[(names.indexOf(name) + 7) % names.length] as string);
      const changed = { garbage: randomBytes(500), nothing: Buffer.alloc(0), half: before.subarray(0, before.length / 2), another: other }[
        how
      ];
      if (changed == null) await raw.remove([name]);
      else await raw.write(name, changed);
      await askAll();
      await raw.write(name, before);
    }
  });

  it('is mixed up at random, several blobs at once: answered or named', async () => {
    const seeded = createSeededRandom('a mixed-up bucket');
    for (let round = 0; round < 30; round += 1) {
      for (let changes = 0; changes < 3; changes += 1) {
        const [from, to] = [names[seeded.below(names.length)], names[seeded.below(names.length)]] as [string, string];
        const bytes = await raw.read(from);
        if (bytes === null || seeded.chance(0.3)) await raw.remove([to]);
        else await raw.write(to, bytes);
      }
      await askAll();
    }
  });
});
