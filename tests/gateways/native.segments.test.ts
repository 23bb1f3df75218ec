import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { HUB_LIMITS } from '../../src/core/hub-protocol/limits.ts';
import { EMPTY_HEAD, encodeRecord, headAfter, type Head } from '../../src/core/log/record.ts';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { ReadLimit, Remote } from '../../src/core/ports/remote.ts';
import { createSpaceWriter, sealedObject, segment, type SpaceWriter } from '../contracts/space-writer.ts';
import { PATIENCE } from '../setup/patience.ts';
import { roleKey, startHub, type HubPlace } from './native-place.ts';

const PAGE: ReadLimit = { records: 512, bytes: 1024 * 1024 };

describe('what comes along with a head that moved', () => {
  let hub: HubPlace;
  let writer: SpaceWriter;
  let author: Remote;
  let reader: Remote;
  let heads: (Head | null)[];
  /** What reaches the remote behind the hub. */
  let read: MockInstance<Remote['read']>;
  let getObjects: MockInstance<Remote['getObjects']>;
  let watching: Promise<void>;
  const signing = createSigningKey(randomBytes(32));
  const other = createSigningKey(randomBytes(32));
  const stop = { current: new AbortController() };
  let at: Head;

  beforeEach(async () => {
    hub = await startHub();
    writer = createSpaceWriter({ key: signing });
    author = hub.connect({ signing });
    reader = hub.connect({ signing: other });
    at = headAfter(writer.genesis);
    await author.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    await watch(reader);
    read = vi.spyOn(hub.behind, 'read');
    getObjects = vi.spyOn(hub.behind, 'getObjects');
  });
  afterEach(async () => {
    stop.current.abort();
    await watching;
    await Promise.all([author.close(), reader.close()]);
    await hub.close();
  });

  async function watch(remote: Remote): Promise<void> {
    heads = [];
    stop.current = new AbortController();
    watching = remote.watch([writer.space], (_, head) => heads.push(head), stop.current.signal);
    await vi.waitFor(() => expect(heads).toHaveLength(1), PATIENCE);
  }

  async function append(objects: readonly SealedObject[] = [], body = 64): Promise<Uint8Array> {
    const record = writer.record(at, { objects: objects.map(({ id }) => id) }, randomBytes(body));
    await author.append(writer.space, at, segment([record], objects));
    at = headAfter(record);
    await vi.waitFor(() => expect(heads.at(-1)).toEqual(at), PATIENCE);
    return encodeRecord(record);
  }

  it('is not asked for: records with their head, and objects', async () => {
    const object = sealedObject(2_000);
    const record = await append([object]);
    const page = await reader.read(writer.space, at.position, { ...PAGE, heard: at });
    expect(page.head).toEqual(at);
    expect(page.records.map((bytes) => Buffer.from(bytes))).toEqual([Buffer.from(record)]);
    const found = await reader.getObjects(writer.space, [object.id]);
    expect(Buffer.from(found.get(object.id) ?? [])).toEqual(Buffer.from(object.bytes));
    expect(read).not.toHaveBeenCalled();
    expect(getObjects).not.toHaveBeenCalled();
  });

  it('is given once: asked again, the hub answers', async () => {
    const object = sealedObject(2_000);
    await append([object]);
    for (let turn = 0; turn < 2; turn++) {
      expect((await reader.read(writer.space, at.position, { ...PAGE, heard: at })).records).toHaveLength(1);
      expect((await reader.getObjects(writer.space, [object.id])).size).toBe(1);
    }
    expect(read).toHaveBeenCalledTimes(1);
    expect(getObjects).toHaveBeenCalledTimes(1);
  });

  it('answers nobody who wants to know how it is now, heard of another head, or reads from elsewhere', async () => {
    const first = at;
    await append();
    await reader.read(writer.space, at.position, PAGE);
    await reader.read(writer.space, at.position, { ...PAGE, heard: first });
    const all = await reader.read(writer.space, 0, { ...PAGE, heard: at });
    expect(all.records).toHaveLength(2);
    expect(read).toHaveBeenCalledTimes(3);
  });

  it('is not shown to who may not see the space', async () => {
    hub.roles.set(writer.space, null);
    hub.roles.set(roleKey(writer.space, signing.machine), 'owner');
    const record = writer.record(at);
    await author.append(writer.space, at, segment([record], []));
    await vi.waitFor(() => expect(heads.at(-1)).toBeNull(), PATIENCE);
    expect((await reader.read(writer.space, at.position + 1, { ...PAGE, heard: headAfter(record) })).records).toEqual([]);
  });

  it('does not come back to its author', async () => {
    stop.current.abort();
    await watching;
    await watch(author);
    await append();
    await author.read(writer.space, at.position, { ...PAGE, heard: at });
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('is left out where it is large', async () => {
    await append([sealedObject(HUB_LIMITS.liveSegmentBytes)]);
    await append([], HUB_LIMITS.liveSegmentBytes);
    expect((await reader.read(writer.space, at.position, { ...PAGE, heard: at })).records).toHaveLength(1);
    expect(read).toHaveBeenCalledTimes(1);
    // As much as comes along fits into a line.
    const many = Array.from({ length: 100 }, () => sealedObject(400));
    await append(many);
    expect(
      (
        await reader.getObjects(
          writer.space,
          many.map(({ id }) => id),
        )
      ).size,
    ).toBe(100);
    expect(getObjects).not.toHaveBeenCalled();
  });
});
