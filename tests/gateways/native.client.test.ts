import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeCanonical } from '../../src/core/canonical.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { HUB_LIMITS } from '../../src/core/hub-protocol/limits.ts';
import { signAsHub } from '../../src/core/hub-protocol/proofs.ts';
import { bytesToHex, hexToBytes, type MachineId, type ObjectId, type SpaceId } from '../../src/core/ids.ts';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { createTlsIdentity, tlsPinOfIdentity } from '../../src/gateways/native/tls-identity.ts';
import { createHubRemote, type HubRemoteOptions } from '../../src/remotes/hub/hub-remote.ts';
import { createSpaceWriter, sealedObject, segment } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random, startHub } from './native-place.ts';

const key = () => createSigningKey(random.bytes(32));
const hubKey = key();
const space = 'a'.repeat(64) as SpaceId;
const ids = [1, 2].map((digit) => String(digit).repeat(64) as ObjectId);
/** For what is about time. Anything else has as much of it as a busy machine needs. */
const times = { idle: 300, total: 1_500 };
const hasty = { times, liveSilence: 300 };

interface Asked {
  readonly path: string;
  readonly body: string;
  readonly socket: Socket;
}

/** Ends tests' servers and remotes. */
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function connectTo(port: number, options: Partial<HubRemoteOptions> = {}): Remote {
  const remote = createHubRemote({
    url: `http://127.0.0.1:${port}`,
    key: hubKey.machine,
    signing: key(),
    clock: createTestClock(),
    random,
    times: { idle: 120_000, total: 240_000 },
    liveSilence: 120_000,
    patience: 0, // native.patience.test.ts has some
    ...options,
  });
  cleanups.push(() => remote.close());
  return remote;
}

/** A server that speaks as much HTTP as its `answer` does. */
async function fakeServer(answer: (asked: Asked) => void): Promise<{ port: number; paths: string[] }> {
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // clients leave as they like
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        if (end < 0 || text.length < end + 4 + length) return;
        const path = text.split(' ')[1] ?? '';
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        paths.push(path);
        answer({ path, body, socket });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, paths };
}

/** A hub that proves its key, and then lies. */
function lyingHub(lie: (asked: Asked) => void): Promise<{ port: number; paths: string[] }> {
  return fakeServer((asked) => {
    const { path, socket } = asked;
    if (path === '/v1/auth/challenge') {
      const { machine, clientNonce } = JSON.parse(asked.body) as { machine: MachineId; clientNonce: string };
      const nonce = randomBytes(40);
      const origin = `http://127.0.0.1:${socket.localPort}`;
      const signature = signAsHub(hubKey, { nonce, clientNonce: hexToBytes(clientNonce), machine, origin });
      socket.write(http(200, JSON.stringify({ hub: hubKey.machine, nonce: bytesToHex(nonce), origin, signature: bytesToHex(signature) })));
    } else if (path === '/v1/auth/session') {
      socket.write(http(200, JSON.stringify({ token: `session_${'x'.repeat(43)}`, expires: 1 })));
    } else lie(asked);
  });
}

function http(status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Buffer {
  const bytes = Buffer.from(body as string);
  const lines = Object.entries({ 'content-length': String(bytes.length), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${lines.join('')}\r\n`), bytes]);
}

/** Everything that a node asks of a hub with its session. */
const calls: Record<string, (remote: Remote) => Promise<unknown>> = {
  head: (remote) => remote.head(space),
  read: (remote) => remote.read(space, 0, { records: 10, bytes: 1_000 }),
  append: (remote) => {
    const writer = createSpaceWriter();
    return remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  },
  hasObjects: (remote) => remote.hasObjects(space, ids),
  getObjects: (remote) => remote.getObjects(space, ids),
  putObjects: (remote) => remote.putObjects(space, [sealedObject(10)]),
  writeCheckpoint: (remote) => remote.writeCheckpoint(space, 1, random.bytes(3)),
  watch: (remote) => remote.watch([space], () => undefined, new AbortController().signal),
};

describe('a node before a hub that lies', () => {
  it.each(Object.keys(calls))('meets garbage in answer to %s with an error of protocol', async (name) => {
    const garbage = Buffer.concat([randomBytes(50), Buffer.from([0xff, 0x0a])]);
    const hub = await lyingHub(({ socket }) => socket.write(http(200, garbage, { 'content-type': 'application/cbor' })));
    await expect(calls[name]?.(connectTo(hub.port))).rejects.toMatchObject({ name: 'RemoteError', type: 'protocol' });
  });

  it('meets any CBOR of other shapes with an error of protocol', async () => {
    let body: Uint8Array = new Uint8Array();
    const hub = await lyingHub(({ socket }) => socket.write(http(200, body, { 'content-type': 'application/cbor' })));
    const remote = connectTo(hub.port);
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.boolean(), fc.uint8Array({ maxLength: 40 }));
    const value = fc.oneof(leaf, fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 4 })), { maxLength: 4 }));
    const asked = ['read', 'append', 'getObjects'];
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(...asked), async (lie, name) => {
        body = encodeCanonical(lie);
        const outcome = await calls[name]?.(remote).then(
          () => 'taken',
          (error: { type?: string }) => error.type,
        );
        // `[null, []]` is a right answer to `read`.
        if (name === 'read' && Buffer.from(body).equals(encodeCanonical([null, []]))) return;
        expect(outcome).toBe('protocol');
      }),
      { numRuns: 200 },
    );
  });

  it.each(Object.keys(calls))('stops reading an endless answer to %s', async (name) => {
    let sent = 0;
    const hub = await lyingHub(({ socket }) => {
      socket.write('HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n');
      const chunk = Buffer.alloc(1024 * 1024, 'a');
      const pump = (): void => {
        while (!socket.destroyed) {
          sent += chunk.length;
          socket.write('100000\r\n');
          socket.write(chunk);
          if (!socket.write('\r\n')) return void socket.once('drain', pump);
        }
      };
      pump();
    });
    await expect(calls[name]?.(connectTo(hub.port))).rejects.toMatchObject({ type: 'protocol' });
    // The rest lies in the buffers of two sockets.
    expect(sent).toBeLessThan(HUB_LIMITS.answerBytes + 32 * 1024 * 1024);
  });

  it('does not begin to read what is declared too long, or was compressed', async () => {
    const long = await lyingHub(({ socket }) => socket.write(`HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n`));
    await expect(calls['head']?.(connectTo(long.port))).rejects.toMatchObject({
      type: 'protocol',
      message: expect.stringContaining('longer'),
    });
    const gzipped = await lyingHub(({ socket }) => socket.write(http(200, randomBytes(10), { 'content-encoding': 'gzip' })));
    await expect(calls['head']?.(connectTo(gzipped.port))).rejects.toMatchObject({ type: 'protocol' });
  });

  it('counts an answer that breaks off, stalls or trickles as unreachable', async () => {
    const broken = await lyingHub(({ socket }) => socket.end('HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nabc'));
    const stalled = await lyingHub(({ socket }) => void socket.write('HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nabc'));
    const silent = await lyingHub(() => undefined);
    const trickling = await lyingHub(({ socket }) => {
      socket.write('HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n');
      const timer = setInterval(() => socket.write('a'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    for (const hub of [broken, stalled, silent, trickling]) {
      await expect(calls['head']?.(connectTo(hub.port, hasty))).rejects.toMatchObject({ type: 'unreachable' });
    }
  });

  it('takes an answer that was there before this process, which stood still, looked', async () => {
    const stand = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * times.idle);
    const hub = await lyingHub(({ socket }) => {
      socket.write(http(404, JSON.stringify({ error: { code: 'no-space', message: 'none' } }), { 'content-type': 'application/json' }));
      stand();
    });
    const slowly = { times: { ...times, total: 600_000 } };
    expect(await connectTo(hub.port, slowly).head(space)).toBeNull();
    const halting = await lyingHub(({ socket }) => {
      socket.write('HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nabc');
      stand();
    });
    const patient = connectTo(halting.port, slowly);
    await expect(patient.head(space)).rejects.toMatchObject({ type: 'unreachable' });
  });

  it('counts what is not HTTP as an error of protocol, and nobody there as unreachable', async () => {
    const other = await fakeServer(({ socket }) => socket.end('220 mail.example ESMTP\r\n'));
    await expect(connectTo(other.port).head(space)).rejects.toMatchObject({ type: 'protocol' });
    const huge = await lyingHub(({ socket }) => socket.end(`HTTP/1.1 200 X\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`));
    await expect(connectTo(huge.port).head(space)).rejects.toMatchObject({ type: 'protocol' });
    await expect(connectTo(1).head(space)).rejects.toMatchObject({ type: 'unreachable' });
  });

  it('follows no redirects', async () => {
    const hub = await lyingHub(({ socket }) => socket.write(http(302, '', { location: 'http://169.254.169.254/' })));
    await expect(connectTo(hub.port).head(space)).rejects.toMatchObject({ type: 'protocol' });
  });

  it('takes no other protocol, and no flood of interim answers', async () => {
    const upgrading = await lyingHub(({ socket }) => socket.write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello'));
    await expect(connectTo(upgrading.port).head(space)).rejects.toMatchObject({ type: 'protocol' });
    const flooding = await lyingHub(({ socket }) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 X\r\nx: y\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(timer));
    });
    await expect(connectTo(flooding.port, hasty).head(space)).rejects.toMatchObject({ type: 'unreachable' });
  });

  it('keeps no objects that it did not ask for, and does not ask for ever', async () => {
    const stuffed = encodeCanonical([[[randomBytes(32), randomBytes(10)]], []]);
    const hub = await lyingHub(({ socket }) => socket.write(http(200, stuffed)));
    await expect(connectTo(hub.port).getObjects(space, ids)).rejects.toMatchObject({ type: 'protocol' });
    expect(hub.paths.filter((path) => path.endsWith('/get'))).toHaveLength(1);
  });

  it('ends a live stream with lines too long, of other shapes, or of spaces that nobody asked for', async () => {
    const other = 'b'.repeat(64);
    const lines = [
      'a'.repeat(HUB_LIMITS.liveLineBytes + 1),
      `${'a'.repeat(HUB_LIMITS.liveLineBytes + 1)}\n`,
      '{}\n',
      '[]\n',
      'null\n',
      `{"space":"${space}","head":{"term":-1}}\n`,
      `{"space":"${other}","head":null}\n`,
    ];
    for (const line of lines) {
      const hub = await lyingHub(({ socket }) =>
        socket.write(`HTTP/1.1 200 X\r\ncontent-length: ${10 * HUB_LIMITS.liveLineBytes}\r\n\r\n${line}`),
      );
      await expect(calls['watch']?.(connectTo(hub.port))).rejects.toMatchObject({ type: 'protocol' });
    }
  });

  it('notices that a live stream fell silent', async () => {
    const hub = await lyingHub(({ socket }) => void socket.write(`HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n\n`));
    await expect(calls['watch']?.(connectTo(hub.port, hasty))).rejects.toMatchObject({ type: 'unreachable' });
  });

  it('shows its messages without control characters, cut short', async () => {
    const message = `\u001b[2J\u202egone${'x'.repeat(1_000)}`;
    const hub = await lyingHub(({ socket }) => socket.write(http(403, JSON.stringify({ error: { code: 'quota', message } }))));
    const error = await connectTo(hub.port)
      .head(space)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ type: 'refused' });
    expect((error as Error).message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  it('takes from a status what is to be done', async () => {
    let status = 500;
    let headers: Record<string, string> = {};
    const hub = await lyingHub(({ socket }) => socket.write(http(status, '<html>', headers)));
    const remote = connectTo(hub.port);
    const outcome = async (next: number, given = {}) => {
      [status, headers] = [next, given];
      return remote.head(space).catch((error: { type: string; retryAfter?: number }) => [error.type, error.retryAfter]);
    };
    expect(await outcome(500)).toEqual(['unreachable', undefined]);
    expect(await outcome(503, { 'retry-after': '7' })).toEqual(['unreachable', 7_000]);
    expect(await outcome(429, { 'retry-after': '99999999' })).toEqual(['unreachable', 3_600_000]);
    expect(await outcome(429, { 'retry-after': 'soon' })).toEqual(['unreachable', undefined]);
    expect(await outcome(401)).toEqual(['unauthorized', undefined]);
    expect(await outcome(404)).toEqual(['refused', undefined]);
    expect(await outcome(413)).toEqual(['refused', undefined]);
    expect(await outcome(204)).toEqual(['protocol', undefined]);
  });

  it('asks again after a 401 once, and not for ever', async () => {
    const hub = await lyingHub(({ socket }) => socket.write(http(401, '{}')));
    await expect(connectTo(hub.port).head(space)).rejects.toMatchObject({ type: 'unauthorized' });
    expect(hub.paths.filter((path) => path.endsWith('/head'))).toHaveLength(2);
    expect(hub.paths.filter((path) => path.endsWith('/challenge'))).toHaveLength(2);
  });

  it('sends an append once, whatever happens to it', async () => {
    let count = 0;
    const hub = await lyingHub(({ path, socket }) => {
      if (path.endsWith('/head')) return void socket.write(http(200, encodeCanonical(null)));
      count += 1;
      socket.resetAndDestroy();
    });
    const remote = connectTo(hub.port);
    await remote.head(space); // leaves a connection to be used again
    await expect(calls['append']?.(remote)).rejects.toMatchObject({ type: 'unreachable' });
    expect(count).toBe(1);
  });

  it('asks again where a kept connection was closed, for what may be asked twice', async () => {
    let count = 0;
    const hub = await lyingHub(({ socket }) => {
      count += 1;
      if (count === 2) socket.resetAndDestroy();
      else socket.write(http(200, encodeCanonical(null)));
    });
    const remote = connectTo(hub.port);
    await remote.head(space);
    expect(await remote.head(space)).toBeNull();
    expect(count).toBe(3);
  });
});

const make =
  (url: string, plainHttp = false) =>
  (): Remote =>
    createHubRemote({ url, key: hubKey.machine, signing: key(), clock: createTestClock(), random, plainHttp });

describe('a node before a wrong hub', () => {
  it('sends nothing to one with another key', async () => {
    const hub = await startHub();
    cleanups.push(() => hub.close());
    const remote = hub.connect({ key: key().machine });
    await expect(remote.head(space)).rejects.toMatchObject({ type: 'protocol', message: expect.stringContaining('another hub') });
    expect(hub.logged.filter((line) => line.includes('/v1/spaces') || line.includes('/v1/auth/session'))).toEqual([]);
    await remote.close();
  });

  it('sends nothing to one that repeats the answer of the right one', async () => {
    const real = await startHub();
    cleanups.push(() => real.close());
    let recorded: Buffer | undefined;
    const fake = await fakeServer(({ path, body, socket }) => {
      if (path !== '/v1/auth/challenge') return void socket.end();
      const { machine } = JSON.parse(body) as { machine: MachineId };
      const nonce = randomBytes(40);
      const origin = `http://127.0.0.1:${socket.localPort}`;
      // Genuine, but over another nonce of the client's.
      const signature = signAsHub(real.hubKey, { nonce, clientNonce: randomBytes(32), machine, origin });
      recorded = http(
        200,
        JSON.stringify({ hub: real.hubKey.machine, nonce: bytesToHex(nonce), origin, signature: bytesToHex(signature) }),
      );
      socket.write(recorded);
    });
    const remote = connectTo(fake.port, { key: real.hubKey.machine });
    await expect(remote.head(space)).rejects.toMatchObject({
      type: 'protocol',
      message: expect.stringContaining('does not hold the pinned key'),
    });
    expect(fake.paths).toEqual(['/v1/auth/challenge']);
  });

  it('sends nothing over TLS with another key than the pinned one, or with none that an authority vouches for', async () => {
    const [tls, other] = await Promise.all([
      createTlsIdentity(['127.0.0.1'], createTestClock()),
      createTlsIdentity(['127.0.0.1'], createTestClock()),
    ]);
    const hub = await startHub({ listen: { tls } });
    cleanups.push(() => hub.close());
    const wrong = hub.connect({ tlsPin: tlsPinOfIdentity(other) });
    await expect(wrong.head(space)).rejects.toMatchObject({ type: 'protocol', message: expect.stringContaining('TLS key') });
    const unpinned = hub.connect();
    await expect(unpinned.head(space)).rejects.toMatchObject({ type: 'unreachable' });
    expect(hub.logged).toEqual([]);
    const right = hub.connect({ tlsPin: tlsPinOfIdentity(tls) });
    expect(await right.head(space)).toBeNull();
    for (const remote of [wrong, unpinned, right]) await remote.close();
  });

  it('speaks plain http on loopback only, and takes no odd addresses', () => {
    for (const url of [
      'http://hub.example:4600',
      'http://10.0.0.1',
      'ftp://localhost',
      'https://u:p@hub.example',
      'https://hub.example/x',
      'hub',
      'http://127.evil.example',
    ]) {
      expect(make(url)).toThrow(expect.objectContaining({ name: 'RemoteError', type: 'unfit' }));
    }
    for (const url of ['http://localhost:1', 'http://127.0.0.2:1', 'http://[::1]:1', 'https://hub.example'])
      expect(make(url)).not.toThrow();
    expect(make('http://hub:4600', true)).not.toThrow();
  });

  it('is ended by close, whatever is under way', async () => {
    const hub = await lyingHub(() => undefined);
    const remote = connectTo(hub.port);
    const under = [calls['head']?.(remote), calls['watch']?.(remote), remote.mailboxes.slots('a'.repeat(64))];
    const ended = Promise.all(under.map((each) => expect(each).rejects.toMatchObject({ type: 'unreachable' })));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await remote.close();
    await ended;
    await expect(remote.head(space)).rejects.toMatchObject({ type: 'unreachable' });
  });
});
