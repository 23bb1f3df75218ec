import { createRoute, z } from '@hono/zod-openapi';
import { compress } from 'hono/compress';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { ApiError, closingError, SAID } from './api-error.ts';
import type { HubApp, HubContext, HubPart, HubServerDeps } from './hub-app.ts';
import type { HubServerLimits } from './limits.ts';
import { errorAnswers, hex32 } from './schema.ts';

const LACKS: Readonly<Record<HubPart, string>> = {
  bucket: 'the bucket behind this hub does not answer',
  'some-bodies': 'this hub cannot read what its bucket says of the encrypted bodies of some spaces: satchel doctor there says more',
  room: SAID.full,
};

/** Seconds. */
const COME_BACK_IN = 5;

const healthy = z.object({ status: z.literal('ok') });
const degraded = z.object({ status: z.literal('degraded'), away: z.array(z.enum(['bucket', 'some-bodies', 'room'])) });

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the hub and its store answer',
  responses: {
    200: {
      description:
        'They do; `degraded`: without what is named, so that logs are served, and encrypted bodies are not; without `room`, so that nothing new is taken',
      content: { 'application/json': { schema: z.union([healthy, degraded]) } },
    },
    ...errorAnswers,
  },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether the hub can serve everything: as /healthz, and 503 where that says `degraded`',
  responses: { 200: { description: 'It can', content: { 'application/json': { schema: healthy } } }, ...errorAnswers },
});

const hubRoute = createRoute({
  method: 'get',
  path: '/v1/hub',
  summary: 'Public facts',
  responses: {
    200: {
      description: 'The hub’s key (to be compared with the pinned one, not trusted), protocol and program version',
      content: { 'application/json': { schema: z.object({ key: hex32, protocol: z.literal(1), version: z.string() }) } },
    },
    ...errorAnswers,
  },
});

export function addPublicRoutes(app: HubApp, deps: HubServerDeps, { healthTime }: Pick<HubServerLimits, 'healthTime'>): void {
  const { key, clock, health, away = () => [], log, version } = deps;

  async function touch(c: HubContext): Promise<void> {
    if (c.env.closing.aborted) throw closingError();
    try {
      await inTime(health());
    } catch (error) {
      const said = error instanceof ApiError || error instanceof StoreUnavailable ? error : null;
      const message = said instanceof StoreUnavailable ? SAID[said.reason] : (said?.message ?? 'the store does not answer');
      log.error({ request: c.env.requestId, err: error }, message);
      throw new ApiError('unavailable', message, COME_BACK_IN);
    }
  }

  /** A store that hangs is known to only after it was looked at for longer than whoever asks here waits. */
  async function inTime(answer: Promise<void>): Promise<void> {
    const known = new AbortController();
    const late = clock.sleep(healthTime, known.signal).then(() => {
      throw new ApiError('unavailable', SAID.unreachable);
    });
    try {
      await Promise.race([answer, late]);
    } finally {
      known.abort();
    }
  }

  app.openapi(healthRoute, async (c) => {
    await touch(c);
    const parts = away();
    return parts.length === 0 ? c.json({ status: 'ok' as const }, 200) : c.json({ status: 'degraded' as const, away: [...parts] }, 200);
  });

  app.openapi(readyRoute, async (c) => {
    await touch(c);
    const parts = away();
    if (parts.length > 0) throw new ApiError('unavailable', parts.map((part) => LACKS[part]).join('; '), COME_BACK_IN);
    return c.json({ status: 'ok' as const }, 200);
  });

  app.openapi(hubRoute, (c) => c.json({ key: key.machine, protocol: 1 as const, version }, 200));

  app.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'http',
    scheme: 'bearer',
    description: 'A machine’s session, from /v1/auth/session',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token for /v1/node',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'mailbox', {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: '`Mailbox ID`, the 64 hex characters that both sides derive from the invitation',
  });
  app.use('/openapi.json', compress());
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Satchel', version, description: 'The native API of a Satchel node. docs/http-api.md tells what the shapes mean.' },
  });
}
