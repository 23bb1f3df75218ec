import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import type { SpaceId } from '../../core/ids.ts';
import { mayWrite, roleIn } from './access.ts';
import { ApiError } from './api-error.ts';
import { readBody } from './body.ts';
import type { HubApp, RouteDeps } from './hub-app.ts';
import { asMachine, bytesContent, countIn, errorAnswers, spaceParams } from './schema.ts';
import { whenOver } from './when-over.ts';

const readRoute = createRoute({
  method: 'get',
  path: '/v1/spaces/{space}/checkpoint',
  summary: 'The newest checkpoint',
  security: asMachine,
  request: { params: spaceParams },
  responses: { 200: { description: 'As it was written; `not-found` where there is none', content: bytesContent }, ...errorAnswers },
});

const writeRoute = createRoute({
  method: 'put',
  path: '/v1/spaces/{space}/checkpoint',
  summary: 'Replace the checkpoint, unless one of a later position is here',
  security: asMachine,
  request: {
    params: spaceParams,
    query: z.object({ position: countIn(0, Number.MAX_SAFE_INTEGER) }),
    body: { required: true, content: bytesContent },
  },
  responses: { 204: { description: 'This one, or a later one, is durable' }, ...errorAnswers },
});

export function addCheckpointRoutes(app: HubApp, { remote, authority, budget }: RouteDeps): void {
  app.openapi(readRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await roleIn(c, authority, space);
    whenOver(c, budget.take(HUB_LIMITS.checkpointBytes));
    const bytes = await remote.readCheckpoint(space);
    if (bytes === null) throw new ApiError('not-found', 'this space has no checkpoint yet');
    return c.body(bytes as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  });

  app.openapi(writeRoute, async (c) => {
    const space = c.req.valid('param').space as SpaceId;
    await mayWrite(c, authority, space, Number(c.req.header('content-length') ?? 0));
    const bytes = await readBody(c, 'application/octet-stream', HUB_LIMITS.checkpointBytes, budget);
    await remote.writeCheckpoint(space, c.req.valid('query').position, bytes);
    return c.body(null, 204);
  });
}
