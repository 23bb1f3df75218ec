import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RetryOptions } from '../../src/blobs/retries.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { startS3Double, type Fault, type S3Double } from '../doubles/s3-double.ts';
import { openTestBlobs } from './open-test-blobs.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** Short pauses, and an attempt may take a while only where something is silent. */
const QUICK: Partial<RetryOptions> = { firstPause: 5, longestPause: 50 };

/** A bucket where each kind of request goes wrong so often, one way after the other. */
async function setUp(
  faults: Partial<Record<string, readonly (Fault | null)[]>>,
  retries = QUICK,
): Promise<{ blobs: Blobs; double: S3Double; stored: () => Map<string, Uint8Array> }> {
  const left = new Map(Object.entries(faults).map(([method, list]) => [method, [...(list ?? [])]]));
  const double = await startS3Double({ fault: (method) => left.get(method)?.shift() ?? null });
  const { endpoint, accessKeyId, secretAccessKey } = double;
  const blobs = await openTestBlobs(`s3://bucket?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey }, retries);
  stops.push(
    () => blobs.close(),
    () => double.close(),
  );
  return { blobs, double, stored: () => double.buckets.get('bucket') ?? new Map() };
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'];

/** An endpoint that answers everything with the page of a Wi-Fi. */
async function openAzureBehindPage(fault: Fault): Promise<Blobs> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(fault === 'html' ? 200 : 404, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in & go on');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const key = randomBytes(32).toString('base64');
  const address = `azure://devstoreaccount1/container?endpoint=http://127.0.0.1:${port}`;
  const blobs = await openTestBlobs(address, { driver: 'azure', type: 'key', key }, QUICK);
  stops.push(
    () => blobs.close(),
    async () => void server.close(),
  );
  return blobs;
}

const PATIENT = { ...QUICK, attemptTime: 1_000 };

describe('a bucket that fails', () => {
  const beforeIt: Fault[] = ['500', '503-slow-down', 'drop'];
  it.each(beforeIt)('makes a blob after %s', async (fault) => {
    const { blobs, double } = await setUp({ PUT: [fault, fault, fault] });
    const bytes = randomBytes(100);
    expect(await blobs.create('a', bytes)).toBe('created');
    expect(await blobs.read('a')).toEqual(new Uint8Array(bytes));
    expect(double.requests.filter((each) => each === 'PUT a')).toHaveLength(4);
  });

  const afterIt: Fault[] = ['500-done', 'drop-done'];
  it.each(afterIt)('knows its own blob after %s, without writing again', async (fault) => {
    const { blobs, double } = await setUp({ PUT: [fault] });
    expect(await blobs.create('a', randomBytes(100))).toBe('created');
    expect(double.requests).toEqual(['PUT a', 'GET a']);
  });

  it('knows its own blob where the look for it fails as well', async () => {
    const { blobs } = await setUp({ PUT: ['drop-done', '500', null], GET: ['drop', '500'] });
    expect(await blobs.create('a', randomBytes(100))).toBe('created');
  });

  it('knows its own blob that came later than the next attempt looked', async () => {
    const { blobs, stored } = await setUp({ PUT: ['drop-late', 'drop-late', 'drop-late'] }, { firstPause: 200, longestPause: 200 });
    const bytes = randomBytes(100);
    expect(await blobs.create('a', bytes)).toBe('created');
    expect(Buffer.compare(stored().get('a') ?? Buffer.of(), bytes)).toBe(0);
  });

  it('says that another was there, after an error too', async () => {
    const { blobs, stored } = await setUp({ PUT: [null, '500', 'drop-done', null] });
    await blobs.create('a', Buffer.from('first'));
    expect(await blobs.create('a', Buffer.from('second'))).toBe('exists');
    expect(await blobs.create('a', Buffer.from('third'))).toBe('exists');
    expect(Buffer.from(stored().get('a') ?? []).toString()).toBe('first');
  });

  it.each(['silence', 'silence-done'] as const)('does not wait for ever: %s', async (fault) => {
    const { blobs } = await setUp({ PUT: [fault], GET: ['silence'], HEAD: ['silence'] }, PATIENT);
    expect(await blobs.create('a', randomBytes(100))).toBe('created');
    expect(await blobs.size('a')).toBe(100);
  });

  it('reads, lists, writes and removes after errors', async () => {
    const { blobs } = await setUp({
      PUT: [null, '500', 'drop', 'drop-done'],
      GET: ['500', 'drop', 'drop-half', '503-slow-down', null, 'drop-half', '500'],
      HEAD: ['500', 'drop'],
      POST: ['500', 'drop', 'drop-done'],
      DELETE: ['500', 'drop', 'drop-done'],
    });
    const bytes = randomBytes(50_000);
    await blobs.create('a', randomBytes(10));
    await blobs.write('a', bytes);
    expect(Buffer.compare((await blobs.read('a')) ?? Buffer.of(), bytes)).toBe(0);
    expect(await blobs.size('a')).toBe(50_000);
    expect(await blobs.list('', { limit: 5 })).toEqual({ blobs: [{ name: 'a', size: 50_000 }], isLast: true });
    await blobs.remove(['a', 'b']);
    await blobs.create('c', bytes);
    await blobs.remove(['c']);
    expect(await blobs.size('c')).toBeNull();
    expect(await blobs.size('a')).toBeNull();
  });

  describe.each<[string, (fault: Fault) => Promise<Blobs>]>([
    ['S3', async (fault) => (await setUp(Object.fromEntries(METHODS.map((method) => [method, Array<Fault>(9).fill(fault)])))).blobs],
    ['Azure', openAzureBehindPage],
  ])('a page in the place of %s', (_, open) => {
    it.each(['html', 'html-404'] as const)('is no answer: nothing was written, is there, or is gone (%s)', async (fault) => {
      const blobs = await open(fault);
      const asked = [
        blobs.create('a', randomBytes(10)),
        blobs.write('a', randomBytes(10)),
        blobs.read('a'),
        blobs.read('a', { offset: 0, length: 5 }),
        blobs.size('a'),
        blobs.list('', { limit: 5 }),
        blobs.remove(['a']),
        blobs.remove(['a', 'b']),
      ];
      for (const answer of await Promise.allSettled(asked))
        expect(answer).toMatchObject({
          status: 'rejected',
          reason: {
            name: 'RemoteError',
            type: 'unreachable',
            message: expect.stringMatching(/what answers there is no (S3|Azure)/) as string,
          },
        });
    });
  });

  it('cuts off what it waits for when it is closed: a silent store holds nobody who ends', async () => {
    const { blobs, double } = await setUp({ GET: ['silence'], PUT: ['silence'] });
    const asked = [blobs.read('a'), blobs.create('b', randomBytes(10))];
    await expect.poll(() => double.requests.length).toBe(2);
    const began = performance.now();
    await blobs.close();
    for (const answer of await Promise.allSettled(asked))
      expect(answer).toMatchObject({ status: 'rejected', reason: { type: 'unreachable' } });
    // An attempt alone has 20 s.
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('gives up in the end, and says that nothing is known', async () => {
    const { blobs, double } = await setUp({ PUT: Array<Fault>(50).fill('500'), GET: Array<Fault>(50).fill('drop') });
    await expect(blobs.create('a', randomBytes(10))).rejects.toMatchObject({ name: 'RemoteError', type: 'unreachable' });
    await expect(blobs.read('a')).rejects.toMatchObject({ name: 'RemoteError', type: 'unreachable' });
    expect(double.requests.filter((each) => each === 'PUT a')).toHaveLength(8);
  });

  it('takes back no promise while everything fails at random', async () => {
    const kinds: Fault[] = ['500', '503-slow-down', '500-done', 'drop', 'drop-done', 'drop-half', 'drop-late'];
    const double = await startS3Double({
      fault: () => (Math.random() < 0.25 ? (kinds[Math.floor(Math.random() * kinds.length)] ?? null) : null),
    });
    stops.push(() => double.close());
    const { endpoint, accessKeyId, secretAccessKey } = double;
    const address = `s3://bucket?endpoint=${endpoint}`;
    const writers = await Promise.all(
      Array.from({ length: 16 }, () => openTestBlobs(address, { driver: 's3', accessKeyId, secretAccessKey }, { ...QUICK, attempts: 30 })),
    );
    /** Each writer makes the next number that is free, as those of a log do. */
    const logs = await Promise.all(
      writers.map(async (blobs, writer) => {
        const mine: [string, string][] = [];
        for (let number = 0; mine.length < 8; number++) {
          const text = `${writer} ${mine.length}`;
          if ((await blobs.create(`log/${number}`, Buffer.from(text))) === 'created') mine.push([`log/${number}`, text]);
        }
        return mine;
      }),
    );
    expect(new Set(logs.flat().map(([name]) => name)).size).toBe(16 * 8);
    const stored = double.buckets.get('bucket') ?? new Map<string, Uint8Array>();
    for (const [name, text] of logs.flat()) expect(Buffer.from(stored.get(name) ?? []).toString()).toBe(text);
    await Promise.all(writers.map((each) => each.close()));
  });
});
