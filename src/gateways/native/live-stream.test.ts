import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSpaceWriter, sealedObject } from '../../../tests/contracts/space-writer.ts';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { decodeLiveLine } from '../../core/hub-protocol/wire.ts';
import { headAfter } from '../../core/log/record.ts';
import type { Arrived, OnHead, Remote } from '../../core/ports/remote.ts';
import { createSystemClock } from '../../node/system.ts';
import { createLiveStream } from './live-stream.ts';

const writer = createSpaceWriter({ key: createSigningKey(randomBytes(32)) });
const { machine } = createSigningKey(randomBytes(32));
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** An append with objects of so many bytes. */
function appended(bytes: number): { readonly arrived: Arrived; readonly head: ReturnType<typeof headAfter> } {
  const expected = headAfter(writer.genesis);
  const object = sealedObject(bytes);
  const record = writer.record(expected, { objects: [object.id] }, randomBytes(64));
  return { arrived: { expected, records: [record], objects: [object] }, head: headAfter(record) };
}

/** The first bytes that a reader is given when the head moved. */
async function told(bytes: number | null, { arrived, head }: ReturnType<typeof appended>): Promise<Uint8Array> {
  const ending = new AbortController();
  const watch = (_spaces: readonly unknown[], onHead: OnHead): Promise<void> => {
    onHead(writer.space, head, arrived);
    return new Promise((resolve) => ending.signal.addEventListener('abort', () => resolve()));
  };
  const stream = createLiveStream(
    {
      remote: { watch } as unknown as Remote,
      clock: createSystemClock(),
      log: quiet,
      roleOf: () => Promise.resolve('owner'),
      ...(bytes === null ? {} : { segmentsFor: { machine, bytes } }),
    },
    [writer.space],
    ending.signal,
  );
  const { value } = await stream.getReader().read();
  ending.abort();
  return value ?? new Uint8Array();
}

function segmentIn(line: Uint8Array): boolean {
  const told = decodeLiveLine(Buffer.from(line).toString());
  if (!told.ok) throw new Error(told.error);
  return told.value.arrived !== undefined;
}

describe('a live stream', () => {
  it('brings as much of a segment as its reader takes, and never more than a line holds', async () => {
    const sizes = [1_000, 100_000, 150_000, HUB_LIMITS.liveSegmentBytes];
    const brought = async (bytes: number | null): Promise<boolean[]> =>
      Promise.all(sizes.map(async (size) => segmentIn(await told(bytes, appended(size)))));
    expect(await brought(null)).toEqual([false, false, false, false]);
    expect(await brought(HUB_LIMITS.liveSegmentUnsaid)).toEqual([true, false, false, false]);
    expect(await brought(128 * 1024)).toEqual([true, true, false, false]);
    expect(await brought(HUB_LIMITS.liveSegmentBytes)).toEqual([true, true, true, false]);
    expect(await brought(10 * HUB_LIMITS.liveSegmentBytes)).toEqual([true, true, true, false]);
    const largest = await told(HUB_LIMITS.liveSegmentBytes, appended(HUB_LIMITS.liveSegmentBytes - 2_000));
    expect(segmentIn(largest)).toBe(true);
    expect(largest.length).toBeLessThanOrEqual(HUB_LIMITS.liveLineBytes);
  });

  it('holds a segment in memory once for all of its readers', async () => {
    const one = appended(100_000);
    const lines = await Promise.all([1, 2, 3].map(() => told(HUB_LIMITS.liveSegmentBytes, one)));
    expect(new Set(lines).size).toBe(1);
  });
});
