import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { HUB_LIMITS } from '../../src/core/hub-protocol/limits.ts';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import { createTlsIdentity } from '../../src/gateways/native/tls-identity.ts';
import { createSpaceWriter, segment } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random, startHub, type HubPlace } from './native-place.ts';
import { ask, bearer, exchangeBytes, sessionOf } from './native-raw.ts';
import { PATIENCE } from '../setup/patience.ts';

describe('a listener on loopback', () => {
  let hub: HubPlace;
  beforeEach(async () => {
    hub = await startHub();
  });
  afterEach(() => hub.close());

  const code = async (path: string, headers: Record<string, string>) => {
    const answer = await ask(hub, path, { headers });
    return `${answer.status} ${answer.json.error?.code ?? 'fine'}`;
  };

  it('answers to its own names only, so that no rebound name reaches it', async () => {
    const { port } = hub.listener;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'localhost', `LOCALHOST:${port}`, `[::1]:${port}`]) {
      expect(await code('/v1/hub', { host })).toBe('200 fine');
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.2', '10.0.0.1', '[::2]', 'localhost.']) {
      expect(await code('/v1/hub', { host })).toMatch(/^(421 wrong-host|400 bad-request)$/);
    }
    expect(await code('/healthz', { host: 'evil.example' })).toBe('421 wrong-host');
  });

  it('says with every answer that it is neither kept nor guessed at, and which request it is of', async () => {
    const { port } = hub.listener;
    for (const [path, status] of [
      ['/v1/hub', 200],
      ['/nowhere', 404],
      ['/v1/spaces', 401],
    ] as const) {
      const answer = await exchangeBytes(
        port,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      for (const line of ['cache-control: no-store', 'x-content-type-options: nosniff', 'x-request-id: mine', 'content-length: '])
        expect(answer.toLowerCase()).toContain(`\r\n${line}`);
    }
  });

  it('refuses malformed, missing and doubled Host headers and absolute targets', async () => {
    const { port } = hub.listener;
    for (const host of ['a b', 'localhost:99999', 'localhost@evil', 'localhost/x', '[::1', '[v1.x]']) {
      expect(await code('/v1/hub', { host })).toBe('400 bad-request');
    }
    expect(await exchangeBytes(port, 'GET /v1/hub HTTP/1.1\r\nHost:\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
    const doubled = await exchangeBytes(port, `GET /v1/hub HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n`);
    expect(doubled).toMatch(/^HTTP\/1.1 400/);
    expect(await exchangeBytes(port, 'GET /v1/hub HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
    const absolute = await exchangeBytes(port, `GET http://localhost:${port}/v1/hub HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(absolute).toMatch(/^HTTP\/1.1 400/);
  });

  it('refuses web pages of other sites', async () => {
    expect(await code('/v1/hub', { origin: 'https://evil.example' })).toBe('403 foreign-origin');
    expect(await code('/v1/hub', { origin: 'null' })).toBe('403 foreign-origin');
    expect(await code('/v1/hub', { origin: hub.url })).toBe('403 foreign-origin');
    expect(await code('/v1/hub', { 'sec-fetch-site': 'cross-site' })).toBe('403 foreign-origin');
    expect(await code('/v1/hub', { 'sec-fetch-site': 'same-site' })).toBe('403 foreign-origin');
    expect(await code('/v1/hub', { 'sec-fetch-site': 'none' })).toBe('200 fine');
    expect(await code('/v1/hub', { 'sec-fetch-site': 'same-origin' })).toBe('200 fine');
  });

  it('refuses forwarding headers that nobody declared', async () => {
    for (const name of ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'X-Forwarded-Anything', 'via', 'x-real-ip']) {
      expect(await code('/v1/hub', { [name]: '1.2.3.4' })).toBe('400 undeclared-proxy');
    }
  });

  it('answers 413 to what is too long, and goes on', async () => {
    const token = await sessionOf(hub);
    const path = `/v1/spaces/${'a'.repeat(64)}/records`;
    const headers = { ...bearer(token), 'content-type': 'application/cbor' };
    const long = await ask(hub, path, { headers, body: Buffer.alloc(HUB_LIMITS.appendBytes + 1) });
    expect([long.status, long.json.error?.code]).toEqual([413, 'too-large']);
    // Declared, and never sent.
    const declared = await exchangeBytes(
      hub.listener.port,
      `POST /v1/auth/challenge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
    );
    expect(declared).toMatch(/^HTTP\/1.1 413/);
    expect((await ask(hub, '/v1/hub')).status).toBe(200);
  });

  it('wants lengths and media types declared', async () => {
    const token = await sessionOf(hub);
    const chunked = await exchangeBytes(
      hub.listener.port,
      `POST /v1/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1.1 411/);
    const untyped = await ask(hub, '/v1/auth/challenge', { body: '{}' });
    expect([untyped.status, untyped.json.error?.code]).toEqual([415, 'unsupported-media-type']);
    const typed = await ask(hub, `/v1/spaces/${'a'.repeat(64)}/records`, {
      headers: { ...bearer(token), 'content-type': 'application/json' },
      body: '{}',
    });
    expect(typed.status).toBe(415);
  });

  it('answers 431 to huge headers', async () => {
    expect(await exchangeBytes(hub.listener.port, `GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431/,
    );
  });

  it('answers 400 to what is not HTTP', async () => {
    expect(await exchangeBytes(hub.listener.port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
  });

  it('treats paths that try to get out as no route', async () => {
    const token = await sessionOf(hub);
    const paths = [
      '../../etc/passwd',
      '..%2f..%2fetc',
      '%2e%2e',
      `${'a'.repeat(63)}%00`,
      'A'.repeat(64),
      `${'a'.repeat(64)}%2F..`,
      '%ff',
      '\\..',
    ];
    for (const path of paths) {
      const answer = await ask(hub, `/v1/spaces/${path}/head`, { headers: bearer(token) });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    }
  });

  it('names what is wrong in a query', async () => {
    const token = await sessionOf(hub);
    for (const query of ['', '?from=-1', '?from=x', '?from=1.5', '?from=1e99', '?from=0&records=0', '?from=0&bytes=nan']) {
      const answer = await ask(hub, `/v1/spaces/${'a'.repeat(64)}/records${query}`, { headers: bearer(token) });
      expect([answer.status, answer.json.error?.code]).toEqual([400, 'bad-request']);
      expect(answer.json.error?.message).toMatch(/^query\.(from|records|bytes): /);
    }
  });

  it('answers any garbage with 4xx, and changes nothing', async () => {
    const signing = createSigningKey(randomBytes(32));
    const writer = createSpaceWriter({ key: signing });
    await hub.connect({ signing }).append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    const token = await sessionOf(hub, signing);
    const routes = ['records', 'objects/has', 'objects/put', 'objects/get'];
    const start = fc.constantFrom([], [0x83], [0x82], [0x9f], [0x5b], [0xbf], [0x81, 0x58, 0x20], [0x9b, 0xff, 0xff, 0xff, 0xff]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), start, fc.uint8Array({ minLength: 1, maxLength: 200 }), async (route, head, tail) => {
        const body = Buffer.from([...head, ...tail]);
        const headers = { ...bearer(token), 'content-type': 'application/cbor' };
        const answer = await ask(hub, `/v1/spaces/${writer.space}/${route}`, { headers, body });
        // A lone 0x80 is an empty list of ids or objects, and right.
        if (tail.length === 1 && head.length === 0 && tail[0] === 0x80) return;
        expect([400, 422]).toContain(answer.status);
      }),
      { numRuns: 300 },
    );
    expect(await hub.behind.head(writer.space)).toEqual(headAfter(writer.genesis));
  });

  it('echoes a well-formed request id, and makes one otherwise', async () => {
    expect((await ask(hub, '/v1/hub', { headers: { 'x-request-id': 'abc-1' } })).headers['x-request-id']).toBe('abc-1');
    expect((await ask(hub, '/v1/hub', { headers: { 'x-request-id': 'a b"}' } })).headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/);
    expect((await ask(hub, '/v1/hub', { headers: { host: 'evil', 'x-request-id': 'abc-2' } })).headers['x-request-id']).toBe('abc-2');
  });

  it('serves 200 connections at once', async () => {
    const remotes = Array.from({ length: 50 }, () => hub.connect({ signing: createSigningKey(random.bytes(32)) }));
    const sockets = await Promise.all(Array.from({ length: 200 }, () => open(hub.listener.port)));
    const answers = sockets.map(
      (socket) => new Promise<string>((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString().slice(0, 12)))),
    );
    for (const socket of sockets) socket.write('GET /v1/hub HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['HTTP/1.1 200']));
    const heads = await Promise.all(remotes.map((remote) => remote.head(createSpaceWriter().space)));
    expect(new Set(heads)).toEqual(new Set([null]));
    for (const socket of sockets) socket.destroy();
    for (const remote of remotes) await remote.close();
  });
});

describe('limits of a listener', () => {
  it('ends connections that send slowly, or nothing', async () => {
    const hub = await startHub({ deps: { limits: { headersTimeout: 1_500, requestTimeout: 2_500 } } });
    const closed = async (text: string): Promise<string> => exchangeBytes(hub.listener.port, text);
    const answers = await Promise.all([
      closed('GET /v1/hub HTTP/1.1\r\nHost: loc'),
      closed('POST /v1/auth/challenge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1.1 408|$)/);
    expect((await ask(hub, '/v1/hub')).status).toBe(200);
    await hub.close();
  });

  it('takes so many connections of one address, and no more', async () => {
    const hub = await startHub({ deps: { limits: { connectionsPerAddress: 3 } } });
    const sockets = await Promise.all(Array.from({ length: 3 }, () => open(hub.listener.port)));
    expect(await exchangeBytes(hub.listener.port, 'GET /v1/hub HTTP/1.1\r\nHost: localhost\r\n\r\n')).toBe('');
    sockets[0]?.destroy();
    await vi.waitFor(async () => expect((await ask(hub, '/v1/hub')).status).toBe(200), PATIENCE);
    for (const socket of sockets) socket.destroy();
    await hub.close();
  });

  it('limits requests by address, whatever they are', async () => {
    const hub = await startHub({ deps: { limits: { requests: { burst: 5, perSecond: 1 } } } });
    const statuses: number[] = [];
    for (let turn = 0; turn < 7; turn += 1)
      statuses.push((await ask(hub, '/v1/hub', turn % 2 ? { headers: { host: 'evil' } } : {})).status);
    expect(statuses).toEqual([200, 421, 200, 421, 200, 429, 429]);
    hub.clock.advance(1_000);
    expect((await ask(hub, '/v1/hub')).status).toBe(200);
    await hub.close();
  });

  it('limits mailboxes by address', async () => {
    const hub = await startHub();
    const remote = hub.connect();
    const mailbox = randomBytes(32).toString('hex');
    const posts = Array.from({ length: 60 }, (_, at) =>
      remote.mailboxes.post(mailbox, `s${at}`, new Uint8Array(1), hub.clock.now() + 1_000),
    );
    const outcomes = await Promise.allSettled(posts);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(20);
    expect(refused[0]?.reason).toMatchObject({ type: 'unreachable', retryAfter: 1_000 });
    await remote.close();
    await hub.close();
  });

  it('gives memory to so many large bodies at once, and tells the others to wait', async () => {
    const hub = await startHub({ deps: { limits: { bodyBytes: 1_000_000 } } });
    const token = await sessionOf(hub);
    const head = (length: number) =>
      `POST /v1/spaces/${'a'.repeat(64)}/records HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/cbor\r\nContent-Length: ${length}\r\n\r\n`;
    const first = await open(hub.listener.port);
    first.write(head(900_000));
    await vi.waitFor(async () => expect(await exchangeBytes(hub.listener.port, head(200_000))).toMatch(/^HTTP\/1.1 503/), PATIENCE);
    first.destroy();
    await vi.waitFor(async () => {
      const answer = await ask(hub, `/v1/spaces/${'a'.repeat(64)}/records`, {
        headers: { ...bearer(token), 'content-type': 'application/cbor' },
        body: Buffer.alloc(200_000),
      });
      expect(answer.status).toBe(400);
    }, PATIENCE);
    await hub.close();
  });

  it('gives the memory of callers that leave back', async () => {
    const hub = await startHub({ deps: { limits: { bodyBytes: 1_000_000 } } });
    const token = await sessionOf(hub);
    const [asked, gate] = [latch(), latch()];
    const { roleOf } = hub.authority;
    hub.authority.roleOf = async () => {
      asked.open();
      await gate.opened;
      return 'owner';
    };
    const path = `/v1/spaces/${'a'.repeat(64)}/records`;
    const socket = await open(hub.listener.port);
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/cbor\r\nContent-Length: 900000\r\n\r\n`,
    );
    await asked.opened;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.destroy();
    await gone;
    hub.authority.roleOf = roleOf;
    await ask(hub, '/v1/hub'); // a round trip later, the hub knows
    gate.open();
    const answer = await ask(hub, path, { headers: { ...bearer(token), 'content-type': 'application/cbor' }, body: Buffer.alloc(900_000) });
    expect(answer.status).toBe(400);
    await hub.close();
  });

  it('ends connections of callers that do not read their answers', async () => {
    const hub = await startHub({ deps: { limits: { idleTimeout: 300 } } });
    const signing = createSigningKey(randomBytes(32));
    const remote = hub.connect({ signing });
    const writer = createSpaceWriter({ key: signing });
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    await remote.writeCheckpoint(writer.space, 0, randomBytes(30 * 1024 * 1024));
    const token = await sessionOf(hub, signing);
    const socket = await open(hub.listener.port);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    let read = 0;
    socket.on('data', (chunk: Buffer) => (read += chunk.length));
    socket.pause();
    socket.write(`GET /v1/spaces/${writer.space}/checkpoint HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    socket.resume();
    await closed;
    expect(read).toBeLessThan(30 * 1024 * 1024);
    await remote.close();
    await hub.close();
  });

  it('closes: lets requests end, ends live streams, answers no more', async () => {
    const [entered, gate] = [latch(), latch()];
    const hub = await startHub({
      deps: {
        health: async () => {
          entered.open();
          await gate.opened;
        },
      },
    });
    const remote = hub.connect();
    const live = remote.watch([createSpaceWriter().space], () => undefined, new AbortController().signal);
    const liveEnded = live.catch((error: unknown) => error);
    const slow = ask(hub, '/healthz');
    await entered.opened;
    const closed = hub.listener.close();
    expect(await liveEnded).toMatchObject({ type: 'unreachable' });
    gate.open();
    expect((await slow).status).toBe(200);
    await closed;
    await hub.listener.close();
    await expect(remote.head(createSpaceWriter().space)).rejects.toMatchObject({ type: 'unreachable' });
    await remote.close();
    await hub.close();
  });
});

describe('a listener beyond loopback', () => {
  it('is refused without TLS, a proxy or a container in front of it', async () => {
    await expect(startHub({ listen: { host: '0.0.0.0' } })).rejects.toThrow(/refusing to listen on 0\.0\.0\.0 without TLS/);
    await expect(startHub({ listen: { host: '::' } })).rejects.toThrow(/without TLS/);
    for (const listen of [
      { proxies: ['127.0.0.1'] },
      { publishedOnLoopback: true },
      { tls: await createTlsIdentity([], createTestClock()) },
    ]) {
      const hub = await startHub({ listen: { host: '0.0.0.0', ...listen } });
      await hub.close();
    }
  });

  it('takes what a declared proxy says of its callers, and nothing less than https', async () => {
    const hub = await startHub({
      listen: { proxies: ['127.0.0.1'], names: ['hub.example'], origins: ['https://app.example'] },
      deps: { limits: { requests: { burst: 2, perSecond: 1 } } },
    });
    const through = async (headers: Record<string, string>) => {
      const answer = await ask(hub, '/v1/hub', { headers: { host: 'hub.example', ...headers } });
      return `${answer.status} ${answer.json.error?.code ?? 'fine'}`;
    };
    expect(await through(from('203.0.113.1'))).toBe('200 fine');
    expect(await through({ ...from('203.0.113.1'), origin: 'https://app.example', 'sec-fetch-site': 'cross-site' })).toBe('200 fine');
    expect(await through(from('203.0.113.1'))).toBe('429 too-many-requests');
    // Only the entry of the proxy itself counts.
    expect(await through(from('198.51.100.7, 203.0.113.1'))).toBe('429 too-many-requests');
    expect(await through(from('203.0.113.1, 198.51.100.7'))).toBe('200 fine');
    expect(await through({ ...from('198.51.100.8'), 'x-forwarded-proto': 'http' })).toBe('403 tls-required');
    expect(await through({ 'x-forwarded-proto': 'https' })).toBe('400 bad-request');
    await hub.close();
  });
});

function from(address: string): Record<string, string> {
  return { 'x-forwarded-for': address, 'x-forwarded-proto': 'https' };
}

function latch(): { readonly opened: Promise<void>; open(): void } {
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open?.() };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
}
