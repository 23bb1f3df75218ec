import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createHubRemote } from '../../src/remotes/hub/hub-remote.ts';
import { discoverHub } from '../../src/remotes/hub/discover-hub.ts';
import { random, startHub, type HubPlace } from '../gateways/native-place.ts';
import { createWorld, expectInSync, expectUnharmed, snapshotOf, type World } from './world.ts';

type Tamper = (body: Buffer, answer: IncomingMessage, to: ServerResponse) => void;

const send = (to: ServerResponse, status: number, type: string, body: Buffer | string): void =>
  void to.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
const cbor = 'application/cbor';

const TAMPERS: readonly (readonly [string, Tamper])[] = [
  ['the page of a Wi-Fi that wants a log-in', (_b, _a, to) => send(to, 200, 'text/html', '<html>Please accept our terms</html>')],
  ['a redirect to another place', (_b, _a, to) => void to.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end()],
  ['nothing, as a success', (_b, answer, to) => send(to, 200, answer.headers['content-type'] ?? cbor, '')],
  [
    'noise',
    (_b, answer, to) => send(to, answer.statusCode ?? 200, answer.headers['content-type'] ?? cbor, Buffer.from(random.bytes(3_000))),
  ],
  ['half of the answer', (body, answer, to) => send(to, 200, answer.headers['content-type'] ?? cbor, body.subarray(0, body.length >> 1))],
  ['the answer and more', (body, answer, to) => send(to, 200, answer.headers['content-type'] ?? cbor, Buffer.concat([body, body]))],
  [
    'fewer bytes than announced',
    (body, answer, to) => {
      to.writeHead(200, { 'content-type': answer.headers['content-type'] ?? cbor, 'content-length': body.length + 50 });
      to.write(body);
      setTimeout(() => to.destroy(), 20);
    },
  ],
  [
    'lists in lists',
    (_b, answer, to) =>
      send(
        to,
        200,
        answer.headers['content-type'] ?? cbor,
        Buffer.alloc(900_000, answer.headers['content-type']?.includes('json') === true ? '[' : 0x81),
      ),
  ],
  [
    'a compressed bomb',
    (_b, answer, to) => {
      const bomb = gzipSync(Buffer.alloc(50_000_000));
      to.writeHead(200, { 'content-type': answer.headers['content-type'] ?? cbor, 'content-encoding': 'gzip' }).end(bomb);
    },
  ],
  [
    'an announcement of a terabyte',
    (_b, answer, to) =>
      void to.writeHead(200, { 'content-type': answer.headers['content-type'] ?? cbor, 'content-length': 2 ** 40 }).write('x'),
  ],
  [
    'an error without end',
    (_b, _a, to) =>
      send(to, 500, 'application/json', JSON.stringify({ error: { code: 'x'.repeat(9_000), message: '\u001b[2J'.repeat(900) } })),
  ],
  ['a refusal for every question', (_b, _a, to) => send(to, 403, 'application/json', '{"error":{"code":"forbidden","message":"no"}}')],
  ['a hub that has no such space', (_b, _a, to) => send(to, 404, 'application/json', '{"error":{"code":"no-space","message":"no"}}')],
];

/** The hub is honest, and what lies between changes its answers, once a machine has proven itself. */
describe('somebody between a machine and its hub', () => {
  let world: World;
  let hub: HubPlace;
  let between: Server;
  let tamper: Tamper | null = null;

  beforeAll(async () => {
    between = createServer((from, to) => {
      const onward = request(
        { host: '127.0.0.1', port: hub.listener.port, path: from.url, method: from.method, headers: from.headers },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const isProof = from.url?.startsWith('/v1/auth') === true;
            if (tamper !== null && !isProof) return tamper(Buffer.concat(parts), answer, to);
            to.writeHead(answer.statusCode ?? 500, answer.headers).end(Buffer.concat(parts));
          });
        },
      );
      onward.on('error', () => to.destroy());
      from.pipe(onward);
    });
    between.listen(0, '127.0.0.1');
    await once(between, 'listening');
  });
  afterAll(async () => {
    between.closeAllConnections();
    between.close();
    await hub.close();
  });

  beforeEach(async () => {
    tamper = null;
    world = await createWorld('between');
    await hub?.close();
    const authority = {
      roleOf: async () => 'owner' as const,
      mayCreate: async () => true,
      removalOf: async () => null,
      hasRoom: async () => true,
    };
    hub = await startHub({ deps: { remote: world.hub, authority } });
  });

  function remote(): Remote {
    const { key } = world.a.replica.deps.machine;
    const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;
    return createHubRemote({ url, key: hub.hubKey.machine, signing: key, clock: hub.clock, random, patience: 0 });
  }

  it('passes on what it gets (the control)', async () => {
    await world.a.write('new.md', 'new\n');
    const through = remote();
    expect((await syncWith(world.a.replica, through)).divergence).toBeNull();
    expect(world.a.replica.drafts).toEqual([]);
    await through.close();
    await expectInSync(world);
  });

  it.each(TAMPERS)('puts in %s: named, within seconds, and nothing is harmed', async (_what, act) => {
    await world.a.write('draft.md', 'unsent\n');
    const before = await snapshotOf(world.a);
    const through = remote();
    tamper = act;
    const failure: unknown = await syncWith(world.a.replica, through).catch((error: unknown) => error);
    if (failure instanceof Error) expect(failure).toBeInstanceOf(RemoteError);
    else expect(failure).toMatchObject({ divergence: { type: 'rolled-back' } });
    for (const question of [
      () => through.readCheckpoint(world.space),
      () => through.mailboxes.read('ab'.repeat(32), 'offer'),
      () => through.spaces(),
    ])
      await question().catch((error: unknown) => {
        expect(error).toBeInstanceOf(RemoteError);
        expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/);
        expect((error as Error).message.length).toBeLessThan(1_000);
      });
    const found: unknown = await discoverHub(through.address).catch((error: unknown) => error);
    if (found instanceof Error) expect(found).toBeInstanceOf(RemoteError);
    await through.close();
    tamper = null;
    await expectUnharmed(world.a, before, world);
  });
});
