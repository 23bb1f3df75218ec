import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { bytesToHex, hexToBytes, type MachineId } from '../../core/ids.ts';
import { ApiError } from './api-error.ts';
import { checkJsonLength } from './body.ts';
import type { HubApp, HubContext, RouteDeps } from './hub-app.ts';
import { addressKey, createRateLimiter } from './rate-limit.ts';
import { errorAnswers, hex32 } from './schema.ts';

const challengeRoute = createRoute({
  method: 'post',
  path: '/v1/auth/challenge',
  summary: 'The hub proves its key, and hands out a nonce',
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ machine: hex32, clientNonce: hex32 }) } },
    },
  },
  responses: {
    200: {
      description: 'A nonce that opens one session of this machine within a minute. Check the signature against the pinned key first.',
      content: { 'application/json': { schema: z.object({ hub: hex32, nonce: z.string(), origin: z.string(), signature: z.string() }) } },
    },
    ...errorAnswers,
  },
});

const sessionRoute = createRoute({
  method: 'post',
  path: '/v1/auth/session',
  summary: 'The machine proves its key, and gets a session',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            machine: hex32,
            nonce: z.string().regex(/^[0-9a-f]{80}$/, 'must be 80 hex characters'),
            signature: z.string().regex(/^[0-9a-f]{128}$/, 'must be 128 hex characters'),
          }),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'A bearer token for an hour. After a 401, prove the key again.',
      content: { 'application/json': { schema: z.object({ token: z.string(), expires: z.number() }) } },
    },
    ...errorAnswers,
  },
});

export function addAuthRoutes(app: HubApp, { key, sessions, clock, limits }: RouteDeps): void {
  const proofs = createRateLimiter(limits.proofs, clock);

  function limit(c: HubContext): void {
    const wait = proofs.take(addressKey(c.env.caller.address));
    if (wait > 0) throw new ApiError('too-many-requests', 'too many proofs from this address', wait);
  }

  // Before the routes, so that it comes before their bodies are read.
  app.use('/v1/auth/*', async (c, next) => {
    limit(c);
    checkJsonLength(c, HUB_LIMITS.jsonBytes);
    await next();
  });

  app.openapi(challengeRoute, (c) => {
    const { machine, clientNonce } = c.req.valid('json');
    const { origin } = c.env.caller;
    const { nonce, signature } = sessions.challenge(machine as MachineId, hexToBytes(clientNonce), origin);
    return c.json({ hub: key.machine, nonce: bytesToHex(nonce), origin, signature: bytesToHex(signature) }, 200);
  });

  app.openapi(sessionRoute, (c) => {
    const { machine, nonce, signature } = c.req.valid('json');
    const opened = sessions.open(machine as MachineId, hexToBytes(nonce), hexToBytes(signature), c.env.caller.origin);
    if (!opened.ok) throw new ApiError('forbidden', `no session: ${opened.error}`);
    return c.json(opened.value, 200);
  });
}
