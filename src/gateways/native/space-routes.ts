import { createRoute, z } from '@hono/zod-openapi';
import { ApiError } from './api-error.ts';
import type { HubApp, RouteDeps } from './hub-app.ts';
import { addressKey, createRateLimiter } from './rate-limit.ts';
import { asMachine, errorAnswers, hex32 } from './schema.ts';

/** More do not fit one answer; a machine that may read more knows them by their ids. */
const SPACES_LISTED = 500;

const route = createRoute({
  method: 'get',
  path: '/v1/spaces',
  summary: 'The spaces here that list the caller',
  description: 'For a machine that comes with the recovery key alone: the recovery signer of a space counts as listed.',
  security: asMachine,
  responses: {
    200: { description: 'Ids, 500 at most', content: { 'application/json': { schema: z.object({ spaces: z.array(hex32) }) } } },
    ...errorAnswers,
  },
});

/** O(spaces on this hub) a call, so calls are few. */
export function addSpaceRoutes(app: HubApp, { remote, authority, clock, limits }: RouteDeps): void {
  const calls = createRateLimiter(limits.proofs, clock);

  app.openapi(route, async (c) => {
    const wait = calls.take(addressKey(c.env.caller.address));
    if (wait > 0) throw new ApiError('too-many-requests', 'the list of spaces was asked for too often', wait);
    const spaces: string[] = [];
    for (const space of await remote.spaces()) {
      if (spaces.length === SPACES_LISTED) break;
      if ((await authority.roleOf(space, c.get('machine'))) !== null) spaces.push(space);
    }
    return c.json({ spaces }, 200);
  });
}
