import { setMaxListeners } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { LIVE_HEARTBEAT } from '../../src/core/hub-protocol/limits.ts';
import { EMPTY_HEAD, headAfter, type Head } from '../../src/core/log/record.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import { createSpaceWriter, segment } from '../contracts/space-writer.ts';
import { random, roleKey, startHub, type HubPlace } from './native-place.ts';
import { ask, bearer, json, sessionOf } from './native-raw.ts';
import { PATIENCE } from '../setup/patience.ts';

describe('live push', () => {
  let hub: HubPlace;
  beforeEach(async () => {
    hub = await startHub();
  });
  afterEach(() => hub.close());

  it('is one stream for many spaces, and tells of each by itself', async () => {
    const remote = hub.connect();
    const writers = Array.from({ length: 20 }, () => createSpaceWriter());
    for (const { space, genesis } of writers) await remote.append(space, EMPTY_HEAD, segment([genesis]));
    const seen = new Map<SpaceId, Head | null>();
    const stop = new AbortController();
    const spaces = writers.map((writer) => writer.space);
    const watching = hub.connect().watch(spaces, (space, head) => seen.set(space, head), stop.signal);
    await vi.waitFor(() => expect(seen.size).toBe(20), PATIENCE);
    for (const writer of writers) {
      const record = writer.record(headAfter(writer.genesis));
      await remote.append(writer.space, headAfter(writer.genesis), segment([record]));
      await vi.waitFor(() => expect(seen.get(writer.space)).toEqual(headAfter(record)), PATIENCE);
    }
    stop.abort();
    await watching;
  });

  it('shows spaces of others as unknown ones, tells nothing of them, and of one’s own at once', async () => {
    const [owner, signing] = [createSigningKey(random.bytes(32)), createSigningKey(random.bytes(32))];
    const writer = createSpaceWriter({ key: owner });
    const remote = hub.connect({ signing: owner });
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    hub.roles.set(writer.space, null);
    hub.roles.set(roleKey(writer.space, owner.machine), 'owner');
    const [seen, own]: (Head | null)[][] = [[], []];
    const stop = new AbortController();
    const watches = [
      hub.connect({ signing }).watch([writer.space], (_, head) => seen?.push(head), stop.signal),
      hub.connect({ signing: owner }).watch([writer.space], (_, head) => own?.push(head), stop.signal),
    ];
    await vi.waitFor(() => expect([seen?.length, own?.length]).toEqual([1, 1]), PATIENCE);
    let at = headAfter(writer.genesis);
    const append = async () => {
      const record = writer.record(at);
      await remote.append(writer.space, at, segment([record]));
      at = headAfter(record);
      await vi.waitFor(() => expect(own?.at(-1)).toEqual(at), PATIENCE);
    };
    await append();
    expect(seen).toEqual([null]);
    hub.roles.set(roleKey(writer.space, signing.machine), 'reader');
    await append();
    await vi.waitFor(() => expect(seen).toEqual([null, at]), PATIENCE);
    hub.roles.set(roleKey(writer.space, signing.machine), null);
    const before = at;
    await append();
    await append();
    // That it may not see it any more, once; and nothing from then on.
    expect(seen).toEqual([null, before, null]);
    stop.abort();
    await Promise.all(watches);
  });

  it('takes so many spaces and so many streams of one machine', async () => {
    const token = await sessionOf(hub);
    const many = { spaces: Array.from({ length: 501 }, () => '0'.repeat(64)) };
    const answer = await ask(hub, '/v1/live', { ...json(many), headers: { ...json(many).headers, ...bearer(token) } });
    expect([answer.status, answer.json.error?.code]).toEqual([400, 'bad-request']);
    const remote = hub.connect();
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const heads: number[] = [];
    const writer = createSpaceWriter();
    const { space } = writer;
    const first = remote.watch([space], () => heads.push(0), stop.signal);
    const firstEnded = first.catch((error: unknown) => error);
    await vi.waitFor(() => expect(heads).toHaveLength(1), PATIENCE);
    const watches = Array.from({ length: 16 }, (_, at) => remote.watch([space], () => heads.push(at + 1), stop.signal));
    await vi.waitFor(() => expect(heads).toHaveLength(17), PATIENCE);
    expect(await firstEnded).toMatchObject({ type: 'unreachable' });
    const { genesis } = writer;
    await remote.append(space, EMPTY_HEAD, segment([genesis]));
    await vi.waitFor(() => expect(heads).toHaveLength(33), PATIENCE);
    stop.abort();
    await Promise.all(watches);
  });

  it('hands on what its caller throws', async () => {
    const { space } = createSpaceWriter();
    const watching = hub.connect().watch(
      [space],
      () => {
        throw new TypeError('a bug of the caller');
      },
      new AbortController().signal,
    );
    await expect(watching).rejects.toThrow(new TypeError('a bug of the caller'));
  });

  it('holds one head a space for a reader that does not read, and gives it the newest', async () => {
    const remote = hub.connect();
    const writer = createSpaceWriter();
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    const token = await sessionOf(hub);
    const body = JSON.stringify({ spaces: [writer.space] });
    const socket = connect(hub.listener.port, '127.0.0.1');
    socket.write(
      `POST /v1/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await vi.waitFor(() => expect(text).toContain(writer.space), PATIENCE);
    socket.pause();
    let at = headAfter(writer.genesis);
    for (let turn = 0; turn < 50; turn += 1) {
      const record = writer.record(at);
      await remote.append(writer.space, at, segment([record]));
      at = headAfter(record);
    }
    socket.resume();
    await vi.waitFor(() => expect(text).toContain(at.hash), PATIENCE);
    socket.destroy();
  });
});

describe('heartbeats', () => {
  it('come where no head moves, every 15 s', async () => {
    // Sleeps of the heartbeat's length end when the test says so; others are real.
    const beats: (() => void)[] = [];
    const base = (await import('../contracts/test-clock.ts')).createTestClock();
    const clock: Clock = {
      now: () => base.now(),
      sleep: (ms, signal) => (ms === LIVE_HEARTBEAT ? new Promise((resolve) => beats.push(resolve)) : base.sleep(ms, signal)),
    };
    const hub = await startHub({ deps: { clock } });
    const token = await sessionOf(hub);
    const body = JSON.stringify({ spaces: [] });
    const socket = connect(hub.listener.port, '127.0.0.1');
    socket.write(
      `POST /v1/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    for (let count = 1; count <= 3; count += 1) {
      await vi.waitFor(() => expect(beats).toHaveLength(count), PATIENCE);
      beats.at(-1)?.();
      // A chunk of one byte: the empty line.
      await vi.waitFor(() => expect(text.split('1\r\n\n\r\n')).toHaveLength(count + 1), PATIENCE);
    }
    socket.destroy();
    await hub.close();
  });
});
