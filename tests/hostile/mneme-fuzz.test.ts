import * as fc from 'fast-check';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseClientId, parseContent, parseRoute } from '../../src/gateways/mneme/schema.ts';
import { MnemePlace } from '../gateways/mneme-place.ts';
import { anyCharacter } from '../doubles/any-character.ts';

let place: MnemePlace;
beforeAll(async () => {
  place = await MnemePlace.create();
});
afterAll(() => place.close());

const STATUSES = [200, 204, 400, 401, 403, 404, 409, 413, 431];
const healthy = async (): Promise<void> => expect((await place.ask('GET', '/health', { key: null })).status).toBe(200);

describe('readers of what comes in', () => {
  const nasty = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.constantFrom(
      '/projects/%ZZ/lock',
      '/projects/../../etc/files',
      '/projects//files',
      '/projects/%2e%2e%2f/files/log.jsonl',
      `/projects/${'a'.repeat(5_000)}/lock`,
    ),
    fc
      .tuple(fc.string({ unit: anyCharacter }), fc.constantFrom('lock', 'files', 'files/log.jsonl'))
      .map(([id, rest]) => `/projects/${id}/${rest}`),
  );
  it('never throw', () => {
    fc.assert(fc.property(nasty, (target) => void parseRoute(target)));
    fc.assert(fc.property(fc.uint8Array(), (body) => void parseContent(body)));
    fc.assert(fc.property(fc.jsonValue(), (value) => parseContent(Buffer.from(JSON.stringify(value))).ok === hasContent(value)));
    fc.assert(fc.property(fc.string({ maxLength: 400 }), (id) => void parseClientId(id)));
  });
});

function hasContent(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string';
}

describe('any request', () => {
  it('is answered, and nothing that was not allowed is ever made', async () => {
    const segment = fc.constantFrom(
      'projects',
      'x',
      '%ZZ',
      '..',
      '%2e%2e',
      '%00',
      'é',
      'files',
      'lock',
      'heartbeat',
      'log.jsonl',
      'summary.md',
      '.lock.json',
      '',
      '__proto__',
      'a'.repeat(300),
    );
    const wild = fc.record({
      method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'),
      target: fc.array(segment, { maxLength: 6 }).map((segments) => encodeURI(`/${segments.join('/')}`).replaceAll('%25', '%')),
      client: fc.option(fc.constantFrom('a', 'b', '', 'x'.repeat(300)), { nil: undefined }),
      key: fc.constantFrom(undefined, null, '', 'wrong', 'x'.repeat(5_000)),
      body: fc.option(
        fc.oneof(
          fc.string({ unit: anyCharacter }),
          fc.json(),
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(wild, async ({ method, target, client, key, body }) => {
        // Node frames the bodies of no others.
        const carries = body !== undefined && ['PUT', 'POST', 'PATCH'].includes(method) ? { body } : {};
        const answer = await place.ask(method, target, {
          ...carries,
          ...(client === undefined ? {} : { client }),
          ...(key === undefined ? {} : { key }),
        });
        expect(STATUSES).toContain(answer.status);
        if (answer.status >= 400 && method !== 'HEAD') expect(answer.body).toMatchObject({ error: expect.any(String) as unknown });
      }),
      { numRuns: 300 },
    );
    const items = await [...place.node.spaces.values()][0]?.replica.list({ prefix: 'mneme/' });
    for (const { item } of items ?? [])
      expect(item.name).toMatch(/^mneme\/[\w%.~-]+\/(?:log\.jsonl|summary\.json|summary\.md|remembered\.json|entities\.json)$/);
    await healthy();
  });

  it('with any content is merged or kept beside, never thrown at', async () => {
    const content = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.json(),
      fc.constantFrom(
        '{"files":{"__proto__":{"mentions":1e309}}}',
        '['.repeat(2_000),
        '{"keyDecisions":null,"lastEntryIndex":-1}',
        '[{"ts":{},"content":[]}]',
        '\u0000',
        '{"a":1}\n{broken\n',
      ),
    );
    const file = fc.constantFrom('log.jsonl', 'summary.json', 'summary.md', 'remembered.json', 'entities.json');
    await place.lock('wild', 'a');
    await fc.assert(
      fc.asyncProperty(file, content, fc.constantFrom('a', 'b', 'c'), async (name, body, client) => {
        const answer = await place.put('wild', name, body, client);
        expect([200, 403]).toContain(answer.status);
        expect([200, 404]).toContain((await place.get('wild', name)).status);
        expect((await place.ask('GET', '/projects/wild/files')).status).toBe(200);
      }),
      { numRuns: 120 },
    );
    await healthy();
  });
});

describe('slow and many', () => {
  it('200 open connections, and as many that say nothing whole, leave it serving', async () => {
    const { port } = new URL(place.url);
    const idle = Array.from({ length: 200 }, (_, index) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      // A third says nothing, a third begins a head, a third begins a body.
      if (index % 3 === 1) socket.write('PUT /projects/slow/files/log.jsonl HTTP/1.1\r\nHost: 127.0.0.1\r\n');
      if (index % 3 === 2)
        socket.write(
          `PUT /projects/slow/files/log.jsonl HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Client-Id: s\r\nAuthorization: Bearer ${place.token}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
        );
      return socket;
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    try {
      await place.lock('busy', 'a', { agent });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          index % 2 === 0
            ? place.put('busy', 'log.jsonl', `{"ts":"${index}"}\n`, 'a', { agent })
            : place.ask('GET', '/projects/busy/files', { agent }),
        ),
      );
      for (const { status } of answers) expect(status).toBe(200);
    } finally {
      agent.destroy();
      for (const socket of idle) socket.destroy();
    }
    expect((await place.get('slow', 'log.jsonl')).status).toBe(404);
    await healthy();
  });

  it('a caller that leaves in the midst of a body has changed nothing', async () => {
    const { hostname, port } = new URL(place.url);
    await place.lock('left', 'a');
    await new Promise<void>((resolve) => {
      const sent = httpRequest({
        hostname,
        port,
        method: 'PUT',
        path: '/projects/left/files/log.jsonl',
        headers: { authorization: `Bearer ${place.token}`, 'x-client-id': 'a' },
      });
      sent.on('error', () => resolve());
      sent.write('{"content":"half');
      setTimeout(() => sent.destroy(), 30);
    });
    await healthy();
    expect((await place.get('left', 'log.jsonl')).status).toBe(404);
  });
});
