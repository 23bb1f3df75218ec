import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import type { CommitId, SpaceId } from '../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, hasValidSignature, headAfter, type Head } from '../../src/core/log/record.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { whatBreaksChain } from '../../src/remotes/checks.ts';
import { createBucket, openBucketRemote } from '../../src/remotes/bucket/open.ts';
import { createFaultyBlobs } from '../doubles/faulty-blobs.ts';
import { createWriterOf, createSpaceWriter, sealedObject, segment } from './space-writer.ts';
import { createTestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

export interface BucketRace {
  /** A client of one bucket, empty at first. */
  readonly open: () => Blobs | Promise<Blobs>;
  readonly writers: number;
  readonly rounds: number;
  /** The part of calls that goes wrong, 0 to 1: half of them before they arrive, half behind. */
  readonly loss: number;
}

export interface RaceReport {
  /** Appends that lost and were tried again, and those whose outcome was unknown. */
  readonly lost: number;
  readonly unclear: number;
}

/**
 * Writers land `rounds` commits each on one log, all at once, through calls that fail. Each tries again until its commit
 * is there. Then nothing may be lost, twice, or off the one chain.
 */
export async function raceOnBucket({ open, writers, rounds, loss }: BucketRace): Promise<RaceReport> {
  const { space, genesis } = createSpaceWriter();
  const clock = createTestClock();
  const remotes: Remote[] = [];
  const connect = async (part: number): Promise<Remote> => {
    const faults = (): 'request' | 'answer' | null => (Math.random() < part ? (Math.random() < 0.5 ? 'request' : 'answer') : null);
    const remote = await persistently(async () => openBucketRemote(createFaultyBlobs(await open(), faults), { clock, random }));
    remotes.push(remote);
    return remote;
  };
  const first = await open();
  await persistently(() => createBucket(first, random, 0));
  await first.close();
  const beginning = await connect(0);
  await persistently(() => beginning.append(space, EMPTY_HEAD, segment([genesis])));

  let [lost, unclear] = [0, 0];
  const landed: CommitId[] = [];
  const write = async (): Promise<void> => {
    const remote = await connect(loss);
    const writer = createWriterOf(space, createSigningKey(randomBytes(32)));
    let head: Head = headAfter(genesis);
    /** What was seen of the log, to know a commit of unknown outcome by. */
    const seen = new Set<CommitId>();
    const follow = (records: readonly Uint8Array[]): void => {
      for (const bytes of records) {
        const record = decodeRecord(bytes);
        if (!record.ok) throw new Error(record.error);
        expect(whatBreaksChain(space, head, record.value)).toBeNull();
        head = headAfter(record.value);
        seen.add(record.value.header.id);
      }
    };
    for (let round = 0; round < rounds; round += 1) {
      const object = sealedObject(200 + round);
      const { id } = writer.record(head).header;
      landed.push(id);
      while (!seen.has(id)) {
        try {
          const record = writer.record(head, { id, objects: [object.id] });
          const outcome = await remote.append(space, head, segment([record], [object]));
          if (outcome.type === 'missing-objects') throw new Error('what was sent along is missing');
          if (outcome.type === 'moved') lost += 1;
          if (outcome.type === 'moved') follow(outcome.missing);
          if (outcome.type !== 'appended') continue;
          head = outcome.head;
          seen.add(id);
        } catch (error) {
          if (!isLost(error)) throw error;
          unclear += 1;
          await remote.read(space, head.position + 1, { records: 1_000, bytes: 8 * 1024 * 1024 }).then(
            ({ records }) => follow(records),
            (again: unknown) => {
              if (!isLost(again)) throw again;
            },
          );
        }
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, write));

  const last = await connect(0);
  const found = await persistently(() => readLog(last, space));
  expect(found.filter((id) => id !== genesis.header.id).toSorted()).toEqual(landed.toSorted());
  for (const remote of remotes) await remote.close();
  return { lost, unclear };
}

/** Ids of the log's commits, the chain, signatures and objects being checked. */
async function readLog(remote: Remote, space: SpaceId): Promise<CommitId[]> {
  const ids: CommitId[] = [];
  for (let head = EMPTY_HEAD; ;) {
    const page = await remote.read(space, head.position + 1, { records: 500, bytes: 8 * 1024 * 1024 });
    if (page.records.length === 0) {
      expect(page.head).toEqual(head);
      return ids;
    }
    const named = [];
    for (const bytes of page.records) {
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error(record.error);
      expect(whatBreaksChain(space, head, record.value)).toBeNull();
      expect(hasValidSignature(record.value)).toBe(true);
      head = headAfter(record.value);
      ids.push(record.value.header.id);
      named.push(...record.value.header.objects);
    }
    expect((await remote.getObjects(space, named)).size).toBe(named.length);
  }
}

async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLost(error)) throw error;
    }
  }
}

function isLost(error: unknown): boolean {
  return error instanceof RemoteError && error.type === 'unreachable';
}
