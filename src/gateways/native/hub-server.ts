import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { MachineId } from '../../core/ids.ts';
import { StoreUnavailable } from '../../core/ports/store.ts';
import type { Admitted } from './admitted.ts';
import { answeredFacts } from './answered.ts';
import { ApiError, closingError, ERROR_STATUS, errorBody, toApiError } from './api-error.ts';
import { findApiToken, isAllowed } from './api-tokens.ts';
import { addAuthRoutes } from './auth-routes.ts';
import { createByteBudget } from './byte-budget.ts';
import { addCheckpointRoutes } from './checkpoint-routes.ts';
import type { HubApp, HubContext, HubEnv, HubServerDeps, RouteDeps } from './hub-app.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { listenWith, type Listener, type ListenOptions } from './listener.ts';
import { addLiveRoutes } from './live-routes.ts';
import { addLogRoutes } from './log-routes.ts';
import { addMailboxRoutes } from './mailbox-routes.ts';
import { addMetricsRoute } from './metrics-route.ts';
import { addObjectRoutes } from './object-routes.ts';
import { addPublicRoutes } from './public-routes.ts';
import { addSpaceRoutes } from './space-routes.ts';
import { createSessions, type Sessions } from './sessions.ts';

export interface HubServer {
  readonly app: HubApp;
  /** May be called more than once, e.g. for loopback and for the network. Throws where the address cannot be used safely. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** The native HTTP API of a node (docs/http-api.md). */
export function createHubServer(deps: HubServerDeps): HubServer {
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const sessions = createSessions(deps.key, deps.clock, deps.random);
  const routeDeps: RouteDeps = { ...deps, limits, sessions, budget: createByteBudget(limits.bodyBytes) };
  const app: HubApp = new OpenAPIHono<HubEnv>({
    defaultHook: (result) => {
      if (!result.success) throw new ApiError('bad-request', describeIssues(result.target, result.error.issues));
    },
  });
  app.use('*', async (c, next) => {
    const started = deps.clock.now();
    // Before the answer is made: to one that is there, they would be added by making it anew, as a stream.
    c.header('x-request-id', c.env.requestId);
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
    await next();
    // The route's pattern, not the path: ids of people's things stay out of logs.
    const line = {
      request: c.env.requestId,
      method: c.req.method,
      route: c.req.routePath,
      status: c.res.status,
      ms: deps.clock.now() - started,
    };
    deps.requests?.answered(answeredFacts(line.route, line.method, line.status, line.ms));
    if (c.res.status >= 500 && !c.env.closing.aborted) deps.log.error(line, 'request failed');
    else deps.log.debug(line, 'request');
  });
  app.use('/v1/*', authenticate(deps, sessions));
  addPublicRoutes(app, deps, limits);
  addAuthRoutes(app, routeDeps);
  addMailboxRoutes(app, routeDeps);
  addSpaceRoutes(app, routeDeps);
  addLogRoutes(app, routeDeps);
  addObjectRoutes(app, routeDeps);
  addCheckpointRoutes(app, routeDeps);
  addLiveRoutes(app, routeDeps);
  if (deps.metrics !== undefined) addMetricsRoute(app, deps.metrics);
  deps.routes?.(app);
  app.notFound((c) => c.json(errorBody('not-found', 'no such route'), 404));
  app.onError((error, c) => answerError(error, c, deps));
  const { clock, random, log, upgrade, requests } = deps;
  const admitted = new WeakMap<object, Admitted>();
  const answer = getRequestListener((request, bindings) =>
    app.fetch(request, { ...bindings, ...admitted.get(bindings.incoming) } as HubEnv['Bindings']),
  );
  return {
    app,
    listen: (options) =>
      listenWith(
        {
          serve: (request, response, facts) => {
            admitted.set(request, facts);
            return answer(request, response);
          },
          limits,
          clock,
          random,
          log,
          ...(requests === undefined ? {} : { onRefused: (code) => requests.refused(code) }),
          ...(upgrade === undefined ? {} : { upgrade }),
        },
        options,
      ),
  };
}

/** Routes under /v1 that need neither session nor token. All others do, those that are added later included. */
const OPEN_ROUTES = /^\/v1\/(?:hub|auth\/(?:challenge|session)|mailbox(?:\/[^/]*)?)$/;

function authenticate(deps: HubServerDeps, sessions: Sessions) {
  return async (c: HubContext, next: () => Promise<void>): Promise<void> => {
    const { path } = c.req;
    if (!OPEN_ROUTES.test(path)) {
      const [scheme, bearer = ''] = (c.req.header('authorization') ?? '').split(' ');
      if (scheme?.toLowerCase() !== 'bearer') throw new ApiError('unauthenticated', 'this route needs a session or a token');
      if (path === '/v1/node' || path.startsWith('/v1/node/')) await checkToken(c, deps, bearer);
      else c.set('machine', machineOf(sessions, bearer));
    }
    await next();
  };
}

function machineOf(sessions: Sessions, bearer: string): MachineId {
  const machine = sessions.machineOf(bearer);
  if (machine === null) throw new ApiError('unauthenticated', 'the session is unknown or has expired');
  return machine;
}

async function checkToken(c: HubContext, deps: HubServerDeps, bearer: string): Promise<void> {
  const token = findApiToken(bearer, await deps.tokens());
  if (token === null) throw new ApiError('unauthenticated', 'unknown token');
  if (!isAllowed(token, c.req.method)) throw new ApiError('forbidden', 'this token may only look');
}

function answerError(thrown: unknown, c: HubContext, deps: HubServerDeps): Response {
  const error = deps.noRoom?.(thrown) ?? thrown;
  const known = error instanceof HTTPException ? fromHttpException(error) : (toApiError(error) ?? whileClosing(error, c, deps));
  if (known === null) {
    deps.log.error({ request: c.env.requestId, err: error }, 'a request met a bug or a failing store');
    return c.json(errorBody('internal', `the hub failed; its log has the reason under ${c.env.requestId}`), 500);
  }
  if (error instanceof StoreUnavailable) deps.log.warn({ request: c.env.requestId, reason: error.message }, 'the store could not be asked');
  if (known.retryAfter !== undefined) c.header('retry-after', String(known.retryAfter));
  if (known.code === 'unauthenticated') c.header('www-authenticate', 'Bearer');
  // What is left of a body that nobody will read is not worth its way here.
  if (known.code === 'too-large' || known.code === 'length-required') c.header('connection', 'close');
  return c.json(errorBody(known.code, known.message), ERROR_STATUS[known.code]);
}

/** What fails while the stores close behind a request is no failure of theirs. */
function whileClosing(error: unknown, c: HubContext, { log }: HubServerDeps): ApiError | null {
  if (!c.env.closing.aborted) return null;
  log.warn({ request: c.env.requestId, err: error }, 'a request was cut off: the node is stopping');
  return closingError();
}

/** What hono and its validators throw: malformed JSON, wrong media types. */
function fromHttpException(error: HTTPException): ApiError | null {
  if (error.status === 415) return new ApiError('unsupported-media-type', 'this body must be application/json');
  return error.status < 500 ? new ApiError('bad-request', error.message || 'malformed request') : null;
}

function describeIssues(target: string, issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  return issues.map((issue) => `${[target, ...issue.path].map(String).join('.')}: ${issue.message}`).join('; ');
}
