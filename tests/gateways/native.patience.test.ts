import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD, encodeRecord, headAfter, type LogRecord } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { discoverHub } from '../../src/remotes/hub/discover-hub.ts';
import type { HubRemoteOptions } from '../../src/remotes/hub/hub-remote.ts';
import { createSpaceWriter, segment, type SpaceWriter } from '../contracts/space-writer.ts';
import { startCuttingProxy, type CuttingProxy, type Fate } from './cutting-proxy.ts';
import { startHub, type HubPlace } from './native-place.ts';

const CLOSING = { status: 503, body: '{"error":{"code":"closing","message":"this node is stopping"}}' };
const MAILBOX = 'c'.repeat(64);
const EXPIRES = 1_750_000_600_000;

describe('a node before a hub that is restarted behind a proxy', () => {
  let hub: HubPlace;
  let proxy: CuttingProxy;
  let remote: Remote;
  let writer: SpaceWriter;
  /** Of requests whose line matches, one after the other; all others pass. */
  let fates: { readonly of: RegExp; readonly left: Fate[] };
  const ofRequest = (line: string): Fate => (fates.of.test(line) ? (fates.left.shift() ?? 'pass') : 'pass');
  const tries = (): number => proxy.asked.filter((line) => fates.of.test(line)).length;

  const connect = (options: Partial<HubRemoteOptions> = {}): Remote => hub.connect({ url: proxy.url, patience: 10_000, ...options });

  beforeEach(async () => {
    hub = await startHub();
    fates = { of: /never/, left: [] };
    proxy = await startCuttingProxy(hub.listener.port, ofRequest);
    remote = connect();
    writer = createSpaceWriter();
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    proxy.asked.length = 0;
  });
  afterEach(async () => {
    await remote.close();
    await proxy.close();
    await hub.close();
  });

  it.each<[string, Fate[]]>([
    ['is cut off', ['cut-before', 'cut-after', 'cut-before']],
    ['is told by the proxy that nobody is there', [{ status: 502 }, { status: 503 }, { status: 504 }]],
    ['is told by a hub that it is stopping', [CLOSING, 'cut-before', CLOSING]],
  ])('asks again what %s', async (_what, left) => {
    fates = { of: /\/head$/, left: [...left] };
    expect(await remote.head(writer.space)).toEqual(headAfter(writer.genesis));
    expect(tries()).toBe(left.length + 1);
  });

  it.each<[string, Fate, string]>([
    ['a database that is away', { status: 503, body: '{"error":{"code":"unavailable","message":"x"}}' }, 'unreachable'],
    ['a hub that has too much to do', { status: 503, body: '{"error":{"code":"busy","message":"x"}}' }, 'unreachable'],
    ['a damaged log', { status: 502, body: '{"error":{"code":"damaged","message":"x"}}' }, 'protocol'],
    ['a hub that failed', { status: 500 }, 'unreachable'],
  ])('says at once what will not be over in a moment: %s', async (_what, fate, type) => {
    fates = { of: /\/head$/, left: [fate] };
    await expect(remote.head(writer.space)).rejects.toMatchObject({ type });
    expect(tries()).toBe(1);
  });

  it('gives up after a while, with what it was told last', async () => {
    const hasty = connect({ patience: 300 });
    fates = { of: /\/head$/, left: Array.from({ length: 100 }, () => ({ status: 502 })) };
    await expect(hasty.head(writer.space)).rejects.toMatchObject({
      type: 'unreachable',
      message: expect.stringContaining('status 502: what stands before it is there, and no hub behind that'),
    });
    expect(tries()).toBeGreaterThan(1);
    expect(tries()).toBeLessThan(10);
    await hasty.close();
  });

  it('says so too to whoever asks who it is', async () => {
    fates = { of: /\/v1\/hub$/, left: [{ status: 502 }] };
    const message = expect.stringContaining('no hub behind it') as string;
    await expect(discoverHub(proxy.url)).rejects.toMatchObject({ type: 'unreachable', message });
    expect(await discoverHub(proxy.url)).toMatchObject({ hubKey: hub.hubKey.machine });
  });

  it('does not wait for what does not answer, nor when it is closed itself', async () => {
    const [nobody, closed] = [connect({ url: 'http://127.0.0.1:1' }), connect()];
    fates = { of: /\/challenge$/, left: Array.from({ length: 1_000 }, () => ({ status: 502 })) };
    await expect(nobody.head(writer.space)).rejects.toMatchObject({ type: 'unreachable', message: expect.stringContaining('no') });
    const asking = closed.head(writer.space).catch((error: unknown) => error);
    await expect.poll(tries).toBeGreaterThan(0);
    await closed.close();
    const triedBefore = tries();
    expect(await asking).toMatchObject({ type: 'unreachable' });
    expect(tries()).toBe(triedBefore);
    await nobody.close();
  });

  it('waits for one that said that it stops, and is gone until it is back', async () => {
    const answering = createServer((_, response) => response.writeHead(503, { connection: 'close' }).end(CLOSING.body));
    await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve));
    const { port } = answering.address() as { port: number };
    const url = `http://127.0.0.1:${port}`;
    const waiting = connect({ url });
    const asked = waiting.head(writer.space);
    answering.once('request', () => answering.close());
    await new Promise((resolve) => answering.once('close', resolve));
    const again = await startHub({ listen: { port }, deps: { remote: hub.behind, key: hub.hubKey, authority: hub.authority } });
    expect(await asked).toEqual(headAfter(writer.genesis));
    await waiting.close();
    await again.close();
  });

  it('proves its key anew where a proof is cut off, which is good for once only', async () => {
    const other = connect();
    fates = { of: /\/session$/, left: ['cut-after', { status: 502 }, CLOSING] };
    expect(await other.head(writer.space)).toEqual(headAfter(writer.genesis));
    expect(tries()).toBe(4);
    expect(proxy.asked.filter((line) => line.endsWith('/challenge'))).toHaveLength(4);
    await other.close();
  });

  describe('appends once', () => {
    const records = (): Promise<string[]> =>
      hub.behind
        .read(writer.space, 0, { records: 100, bytes: 1e6 })
        .then((page) => page.records.map((bytes) => Buffer.from(bytes).toString('hex')));
    const hexOf = (record: Parameters<typeof encodeRecord>[0]): string => Buffer.from(encodeRecord(record)).toString('hex');

    it.each<[string, Fate]>([
      ['was cut off before it landed', 'cut-before'],
      ['was cut off after it landed', 'cut-after'],
      ['was answered by the proxy', { status: 502 }],
    ])('what %s', async (_what, fate) => {
      const [first, second] = writer.chain(headAfter(writer.genesis), 2) as [LogRecord, LogRecord];
      fates = { of: /POST .*\/records/, left: [fate, fate] };
      const outcome = await remote.append(writer.space, headAfter(writer.genesis), segment([first, second]));
      expect(outcome).toEqual({ type: 'appended', head: headAfter(second) });
      expect(await records()).toEqual([writer.genesis, first, second].map(hexOf));
    });

    it('a log that is begun', async () => {
      const other = createSpaceWriter();
      fates = { of: /POST .*\/records/, left: ['cut-after'] };
      expect(await remote.append(other.space, EMPTY_HEAD, segment([other.genesis]))).toEqual({
        type: 'appended',
        head: headAfter(other.genesis),
      });
    });

    it('and says who was faster where another’s landed meanwhile', async () => {
      const [ours, theirs] = [writer.record(headAfter(writer.genesis)), writer.record(headAfter(writer.genesis))];
      fates = { of: /POST .*\/records/, left: ['cut-before'] };
      const appending = remote.append(writer.space, headAfter(writer.genesis), segment([ours]));
      await expect.poll(tries).toBeGreaterThan(0);
      await hub.behind.append(writer.space, headAfter(writer.genesis), segment([theirs]));
      expect(await appending).toMatchObject({ type: 'moved', head: headAfter(theirs) });
      expect(await records()).toEqual([writer.genesis, theirs].map(hexOf));
    });
  });

  it('knows its own letter from one that was there before, where posting it was cut off', async () => {
    const letter = (text: string): Uint8Array => Buffer.from(text);
    fates = { of: /POST \/v1\/mailbox/, left: ['cut-after', 'cut-before', 'cut-after'] };
    expect(await remote.mailboxes.post(MAILBOX, 'offer', letter('ours'), EXPIRES)).toBe(true);
    expect(await remote.mailboxes.post(MAILBOX, 'offer', letter('ours'), EXPIRES)).toBe(false);
    fates = { of: /POST \/v1\/mailbox/, left: ['cut-before'] };
    expect(await remote.mailboxes.post(MAILBOX, 'offer', letter('another'), EXPIRES)).toBe(false);
    expect(Buffer.from((await remote.mailboxes.read(MAILBOX, 'offer'))!).toString()).toBe('ours');
  });
});
