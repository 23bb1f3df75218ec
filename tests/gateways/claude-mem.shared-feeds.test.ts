import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/core/ports/store.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Answer, SyncClient } from './claude-mem-client.ts';
import { row } from './claude-mem-ops.ts';
import { startGateway, type GatewayPlace } from './claude-mem-place.ts';

/** One user's devices at two hubs on one database, neither of which knows what the other writes. */
let store: Store;
let places: readonly [GatewayPlace, GatewayPlace];
let here: SyncClient;
let there: SyncClient;

beforeEach(async () => {
  store = await createSqliteStore({ path: ':memory:' });
  const { writes: _notCounted, ...shared } = store;
  const open = (): Promise<GatewayPlace> => startGateway({ store: { ...shared, close: () => Promise.resolve() } });
  places = [await open(), await open()];
  here = await places[0].client('ada', 'device-a');
  there = await places[1].client('ada', 'device-b');
});
afterEach(async () => {
  for (const place of places) await place.close();
  await store.close();
});

const seqsOf = (answer: Answer, of: 'ops' | 'acked'): string[] => (answer.body[of] as { seq: string }[]).map(({ seq }) => seq);

describe('hubs on one database', () => {
  it('take pushes in turns, under one numbering', async () => {
    expect(seqsOf(await here.push([row('device-a', { local: '1' })]), 'acked')).toEqual(['1']);
    expect(seqsOf(await there.push([row('device-b', { local: '1' }), row('device-b', { local: '2' })]), 'acked')).toEqual(['2', '3']);
    expect(seqsOf(await here.push([row('device-a', { local: '2' })]), 'acked')).toEqual(['4']);
    expect(seqsOf(await there.push([row('device-b', { local: '3' })]), 'acked')).toEqual(['5']);
    for (const client of [here, there]) expect(seqsOf(await client.changes(), 'ops')).toEqual(['1', '2', '3', '4', '5']);
    expect(places.flatMap(({ logged }) => logged)).toEqual([]);
  });

  it('refuse and acknowledge what was pushed at another one as their own', async () => {
    const op = row('device-a', { rev: '2' });
    await here.push([op]);
    const again = await places[1].client('ada', 'device-a');
    expect(seqsOf(await again.push([op]), 'acked')).toEqual(['1']);
    expect((await again.push([row('device-a', { rev: '1' })])).body['error']).toMatch(/stale_revision/);
    expect((await again.push([row('device-a', { rev: '2', payload: { title: 'Another' } })])).body['error']).toMatch(
      /revision_hash_conflict/,
    );
    expect(seqsOf(await again.push([row('device-a', { rev: '3' })]), 'acked')).toEqual(['2']);
  });

  it('take pushes at once, and lose none', async () => {
    const one = Array.from({ length: 20 }, (_, n) => here.push([row('device-a', { local: String(n + 1) })]));
    const other = Array.from({ length: 20 }, (_, n) => there.push([row('device-b', { local: String(n + 1) })]));
    const acked = (await Promise.all([...one, ...other])).flatMap((answer) => seqsOf(answer, 'acked'));
    const all = Array.from({ length: 40 }, (_, n) => String(n + 1));
    expect(acked.toSorted((a, b) => Number(a) - Number(b))).toEqual(all);
    expect(seqsOf(await here.changes(), 'ops')).toEqual(all);
  });

  it('go on where a feed began anew', async () => {
    await here.push([row('device-a')]);
    await there.push([row('device-b')]);
    await store.write((tx) => tx.feeds.remove('claude-mem/ada'));
    expect(seqsOf(await here.push([row('device-a')]), 'acked')).toEqual(['1']);
    expect(seqsOf(await there.push([row('device-b')]), 'acked')).toEqual(['2']);
  });

  it('tell those who listen at another one, each op to all but its device', async () => {
    const [onA, onB] = [await (await places[1].client('ada', 'device-a')).socket(), await there.socket()];
    expect(places.map(({ gateway }) => gateway.users())).toEqual([[], ['ada']]);
    await here.push([row('device-a')]);
    await places[1].gateway.catchUp('ada');
    await there.push([row('device-b')]);
    await places[1].gateway.catchUp('ada');
    const said = (frames: readonly string[]): unknown[] => frames.map((frame) => JSON.parse(frame) as unknown);
    await expect
      .poll(() => said(onB.frames))
      .toEqual([expect.objectContaining({ type: 'op', ops: [expect.objectContaining({ seq: '1' })] })]);
    await expect.poll(() => said(onA.frames)).toEqual([expect.objectContaining({ type: 'advance', head_seq: '2' })]);
    for (const { socket } of [onA, onB]) socket.terminate();
    await expect.poll(() => places[1].gateway.users()).toEqual([]);
    await places[1].gateway.catchUp('ada');
  });

  it('tell of more than fits frames that there is more', async () => {
    const { socket, frames } = await there.socket();
    for (let start = 0; start < 600; start += 300)
      await here.push(Array.from({ length: 300 }, (_, n) => row('device-a', { local: String(start + n + 1) })));
    await places[1].gateway.catchUp('ada');
    await expect
      .poll(() => frames.map((frame) => JSON.parse(frame) as unknown))
      .toEqual([expect.objectContaining({ type: 'advance', head_seq: '600' })]);
    socket.terminate();
  });
});
