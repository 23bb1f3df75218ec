import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { decodeAppend, encodeHead, encodeOutcome, encodePage, type AppendRequest } from '../../core/hub-protocol/wire.ts';
import type { SpaceId } from '../../core/ids.ts';
import { decodeRecord, type LogRecord } from '../../core/log/record.ts';
import { hasRoom, mayWriteAs, noSpace, roleIn } from './access.ts';
import { ApiError } from './api-error.ts';
import { cbor, decoded, readBody } from './body.ts';
import type { HubApp, HubContext, RouteDeps } from './hub-app.ts';
import { asMachine, bytesContent, cborContent, countIn, errorAnswers, spaceParams } from './schema.ts';
import { whenOver } from './when-over.ts';

const headRoute = createRoute({
  method: 'get',
  path: '/v1/spaces/{space}/head',
  summary: 'The head of a log',
  security: asMachine,
  request: { params: spaceParams },
  responses: { 200: { description: '`[term, position, hash]` or `null`', content: cborContent }, ...errorAnswers },
});

const pageQuery = z.object({
  from: countIn(0, Number.MAX_SAFE_INTEGER),
  records: countIn(1, Number.MAX_SAFE_INTEGER).optional(),
  bytes: countIn(1, Number.MAX_SAFE_INTEGER).optional(),
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/spaces/{space}/records',
  summary: 'A page of a log, ascending from a position',
  description: 'Fewer records than asked for are normal: page on from behind the last one, up to the head.',
  security: asMachine,
  request: { params: spaceParams, query: pageQuery },
  responses: { 200: { description: '`[head, [record…]]`', content: cborContent }, ...errorAnswers },
});

const removalRoute = createRoute({
  method: 'get',
  path: '/v1/spaces/{space}/removal',
  summary: 'For a machine that the space does not list any more: the record that removed it',
  description: 'Nothing else of the log is shown to it. `no-space` for everybody else.',
  security: asMachine,
  request: { params: spaceParams },
  responses: { 200: { description: 'An encoded control record', content: bytesContent }, ...errorAnswers },
});

const appendRoute = createRoute({
  method: 'post',
  path: '/v1/spaces/{space}/records',
  summary: 'Append behind an expected head, or learn why not',
  description:
    'All records or none. After a lost answer the outcome is unknown: read on from the expected head and look for the commit ids. An expected head of position −1 creates the log.',
  security: asMachine,
  request: { params: spaceParams, body: { required: true, description: '`[expected, [record…], [[id, bytes]…]]`', content: cborContent } },
  responses: {
    200: { description: 'Appended: `[1, head]`', content: cborContent },
    409: { description: 'The head is another: `[2, head, [record…]]`, the first of those that are missing', content: cborContent },
    424: { description: 'Objects are missing: `[3, [id…]]`', content: cborContent },
    ...errorAnswers,
  },
});

const OUTCOME_STATUS = { appended: 200, moved: 409, 'missing-objects': 424 } as const;

export function addLogRoutes(app: HubApp, { remote, authority, budget }: RouteDeps): void {
  app.openapi(headRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    return cbor(c, encodeHead(await remote.head(space)));
  });

  app.openapi(readRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    const { from, records = HUB_LIMITS.recordsPerPage, bytes = HUB_LIMITS.objectAnswerBytes } = c.req.valid('query');
    const limit = { records: Math.min(records, HUB_LIMITS.recordsPerPage), bytes: Math.min(bytes, HUB_LIMITS.objectAnswerBytes) };
    whenOver(c, budget.take(limit.bytes));
    return cbor(c, encodePage(await remote.read(space, from, limit)));
  });

  app.openapi(removalRoute, async (c) => {
    const bytes = await authority.removalOf(c.req.valid('param').space as SpaceId, c.get('machine'));
    if (bytes === null) throw noSpace();
    return c.body(bytes as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  });

  app.openapi(appendRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    const role = await authority.roleOf(space, c.get('machine'));
    if (role === null && !(await authority.mayCreate(c.get('machine')))) throw noSpace();
    const body = await readBody(c, 'application/cbor', HUB_LIMITS.appendBytes, budget);
    const request = decoded(decodeAppend(body));
    if (role === null) await mayBegin(c, space, request, body.length);
    else await mayWriteAs(role, c, authority, space, body.length);
    const outcome = await remote.append(space, request.expected, {
      records: request.records.map((bytes) => recordOf(bytes)),
      objects: request.objects,
      ...(request.gone === undefined ? {} : { gone: request.gone }),
    });
    // A log that is there, but not the caller's, stays as unknown as one that is not.
    if (role === null && outcome.type === 'moved') await roleIn(c, authority, space);
    return cbor(c, encodeOutcome(outcome), OUTCOME_STATUS[outcome.type]);
  });

  /** For a caller who may create spaces, and is no member of this one: only a genesis of its own gets in. */
  async function mayBegin(c: HubContext, space: SpaceId, request: AppendRequest, bytes: number): Promise<void> {
    if (request.expected.position !== -1) throw noSpace();
    const [genesis] = request.records;
    if (genesis === undefined || (recordOf(genesis).hash as string) !== space)
      throw new ApiError('refused', 'a log begins with its genesis record');
    await hasRoom(c, authority, space, bytes);
  }
}

function recordOf(bytes: Uint8Array): LogRecord {
  return decoded(decodeRecord(bytes));
}
