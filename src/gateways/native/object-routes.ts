import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { decodeIds, decodeObjects, encodeIds, encodeObjectAnswer, encodePresence } from '../../core/hub-protocol/wire.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import type { Remote } from '../../core/ports/remote.ts';
import { mayWrite, roleIn } from './access.ts';
import { cbor, decoded, readBody } from './body.ts';
import type { HubApp, RouteDeps } from './hub-app.ts';
import { asMachine, cborContent, errorAnswers, hex32, spaceParams } from './schema.ts';
import { whenOver } from './when-over.ts';

const hasRoute = createRoute({
  method: 'post',
  path: '/v1/spaces/{space}/objects/has',
  summary: 'Which of these objects are here',
  description: `Ask before putting: an upload that was cut off goes on with what is missing. At most ${HUB_LIMITS.idsPerHas} ids.`,
  security: asMachine,
  request: { params: spaceParams, body: { required: true, description: '`[id…]`', content: cborContent } },
  responses: { 200: { description: 'A byte string with one bit an id, lowest first', content: cborContent }, ...errorAnswers },
});

const putRoute = createRoute({
  method: 'post',
  path: '/v1/spaces/{space}/objects/put',
  summary: 'Store objects',
  description: 'Batches of up to 8 MiB; durable when answered, and may be repeated.',
  security: asMachine,
  request: { params: spaceParams, body: { required: true, description: '`[[id, bytes]…]`', content: cborContent } },
  responses: { 204: { description: 'All of them are durable' }, ...errorAnswers },
});

const getRoute = createRoute({
  method: 'post',
  path: '/v1/spaces/{space}/objects/get',
  summary: 'Fetch objects',
  description: `At most ${HUB_LIMITS.idsPerGet} ids. The answer holds about 8 MiB: ask again for the ids that it names neither as given nor as absent.`,
  security: asMachine,
  request: { params: spaceParams, body: { required: true, description: '`[id…]`', content: cborContent } },
  responses: { 200: { description: '`[[[id, bytes]…], [absent id…]]`', content: cborContent }, ...errorAnswers },
});

const deleteRoute = createRoute({
  method: 'post',
  path: '/v1/spaces/{space}/objects/delete',
  summary: 'Delete objects that the log prunes or erases',
  description: `At most ${HUB_LIMITS.idsPerDelete} ids, each named by a prune or erase record of an owner; those that a later record names again stay. May be repeated.`,
  security: asMachine,
  request: { params: spaceParams, body: { required: true, description: '`[id…]`', content: cborContent } },
  responses: { 204: { description: 'They are not served any more' }, ...errorAnswers },
});

const wantedRoute = createRoute({
  method: 'get',
  path: '/v1/spaces/{space}/objects/wanted',
  summary: 'Objects that are to be brought again',
  description: `Those that the log names, that somebody asked for, and that the hub lost or has damaged: ascending, behind \`after\`, at most ${HUB_LIMITS.idsPerWanted}. Whoever has them puts them.`,
  security: asMachine,
  request: { params: spaceParams, query: z.object({ after: hex32.optional() }) },
  responses: { 200: { description: '`[id…]`', content: cborContent }, ...errorAnswers },
});

/** Objects that are read from the store at once, while an answer fills. */
const GROUP = 16;

export function addObjectRoutes(app: HubApp, { remote, authority, budget }: RouteDeps): void {
  app.openapi(hasRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    const body = await readBody(c, 'application/cbor', HUB_LIMITS.envelopeBytes, budget);
    const ids = decoded(decodeIds(body, HUB_LIMITS.idsPerHas));
    return cbor(c, encodePresence(ids, await remote.hasObjects(space, ids)));
  });

  app.openapi(putRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await mayWrite(c, authority, space, Number(c.req.header('content-length') ?? 0));
    const body = await readBody(c, 'application/cbor', HUB_LIMITS.objectBatchBytes, budget);
    await remote.putObjects(space, decoded(decodeObjects(body)));
    return c.body(null, 204);
  });

  app.openapi(wantedRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    const { after } = c.req.valid('query');
    return cbor(c, encodeIds((await remote.wantedObjects?.(space, (after as ObjectId | undefined) ?? null)) ?? []));
  });

  app.openapi(deleteRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space); // what goes is what the log's owners said: any member may see it done
    const body = await readBody(c, 'application/cbor', HUB_LIMITS.envelopeBytes, budget);
    await remote.deleteObjects(space, decoded(decodeIds(body, HUB_LIMITS.idsPerDelete)));
    return c.body(null, 204);
  });

  app.openapi(getRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    const body = await readBody(c, 'application/cbor', HUB_LIMITS.envelopeBytes, budget);
    const ids = decoded(decodeIds(body, HUB_LIMITS.idsPerGet));
    whenOver(c, budget.take(HUB_LIMITS.objectAnswerBytes));
    return cbor(c, encodeObjectAnswer(await fill(remote, space, ids)));
  });
}

/** As many of the objects, in the order asked, as one answer holds: at least one. */
async function fill(remote: Remote, space: SpaceId, ids: readonly ObjectId[]): Promise<{ objects: SealedObject[]; absent: ObjectId[] }> {
  const objects: SealedObject[] = [];
  const absent: ObjectId[] = [];
  let total = 0;
  for (let at = 0; at < ids.length; at += GROUP) {
    const group = ids.slice(at, at + GROUP);
    const found = await remote.getObjects(space, group);
    for (const id of group) {
      const bytes = found.get(id);
      if (bytes === undefined) {
        absent.push(id);
        continue;
      }
      total += bytes.length;
      if (total > HUB_LIMITS.objectAnswerBytes && objects.length > 0) return { objects, absent };
      objects.push({ id, bytes });
    }
  }
  return { objects, absent };
}
