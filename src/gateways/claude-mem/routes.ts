import type { IncomingMessage } from 'node:http';
import { Hono } from 'hono';
import type { HttpBindings } from '@hono/node-server';
import { fail, ok, type Result } from '../../core/result.ts';
import { isLoopback, type Caller } from '../native/guard.ts';
import { BODY_LIMITS, createBodyBudget, type BodyLimits, type BodyShare } from './body-budget.ts';
import { admit, identify, type SyncCaller } from './caller.ts';
import type { Clients } from './clients.ts';
import { isDecimal } from './decimal.ts';
import { gzippedPage, takesGzip } from './gzipped-page.ts';
import { Refusal } from './refusal.ts';
import { OPS_PER_REQUEST, parseOp, parsePush, REQUEST_BYTES, type Op } from './schema.ts';
import { SPACE_HEADER, spaceHeader, type SpaceServed } from './space-served.ts';
import type { SyncFeeds } from './sync-feed.ts';
import { changesAnswer, pushAnswer, statusAnswer } from './wire.ts';

export interface SyncRoutesDeps {
  readonly feeds: SyncFeeds;
  readonly clients: Clients;
  /** Called with the last number that a device was given by a pull. */
  readonly onPulled?: (caller: SyncCaller, number: number) => void;
  /** Resolves once a caller may be told what its user's feed holds, which has begun by then. */
  readonly untilReady?: (caller: SyncCaller) => Promise<void>;
  /** What a user's clients were given of a space; `null` where none is behind the user's feed. */
  readonly servedOf?: (user: string) => Promise<SpaceServed | null>;
  /** What only the node's log may see. */
  readonly onFailure: (error: unknown) => void;
  readonly bodyLimits?: BodyLimits;
}

interface SyncEnv {
  Bindings: HttpBindings & {
    /** As the node's listener judged it. */
    readonly caller?: Pick<Caller, 'address'>;
  };
  Variables: { caller: SyncCaller };
}

export type SyncApp = Hono<SyncEnv>;

/** Bodies in one page of changes. */
const PAGE_BYTES = 4_000_000;

/** claude-mem's cloud-sync protocol 2, below the prefix that the app is mounted at. */
export function createSyncApp({
  feeds,
  clients,
  onPulled,
  untilReady,
  servedOf,
  onFailure,
  bodyLimits = BODY_LIMITS,
}: SyncRoutesDeps): SyncApp {
  const bodies = createBodyBudget(bodyLimits);
  const app: SyncApp = new Hono<SyncEnv>();

  app.use('/v1/sync/*', async (c, next) => {
    c.header('cache-control', 'no-store');
    c.set('caller', await identify(c.env.incoming.headers, clients));
    await next();
  });

  app.post('/v1/sync/ops', async (c) => {
    const caller = c.get('caller');
    const share = bodies.shareOf(caller.user);
    try {
      const ops = opsOf(await readJson(c.env.incoming, share));
      if (ops.ok) await admit(caller, clients);
      const pushed = ops.ok ? await feeds.push(caller.user, caller.device, ops.value) : ops;
      await clients.pushed(caller.user, caller.device, pushed.ok ? null : pushed.error);
      if (!pushed.ok) throw new Refusal(400, pushed.error);
      return c.json(pushAnswer(pushed.value));
    } finally {
      share.release();
    }
  });

  app.get('/v1/sync/changes', async (c) => {
    const caller = c.get('caller');
    const since = countOf(c.req.query('since') ?? '0', 'since');
    const limit = countOf(c.req.query('limit') ?? String(OPS_PER_REQUEST), 'limit');
    if (limit === 0) throw new Refusal(400, 'limit must be positive');
    await admit(caller, clients);
    if (untilReady !== undefined) {
      await feeds.head(caller.user);
      await untilReady(caller);
    }
    const changes = await feeds.changes(caller.user, since, { entries: Math.min(limit, OPS_PER_REQUEST), bytes: PAGE_BYTES });
    onPulled?.(caller, changes.entries.at(-1)?.number ?? since);
    const answer = changesAnswer(changes, since);
    c.header('vary', 'accept-encoding');
    // On one machine bytes cost less than their compression.
    const isFar = c.env.caller !== undefined && !isLoopback(c.env.caller.address);
    const gzipped = isFar && takesGzip(c.req.header('accept-encoding')) ? await gzippedPage(answer, changes.entries) : null;
    if (gzipped === null) return c.json(answer);
    return c.body(new Uint8Array(gzipped), 200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  });

  app.get('/v1/sync/status', async (c) => {
    const { user } = c.get('caller');
    // Asked for the first time it begins, and only then anything of a space is served.
    const head = await feeds.head(user);
    const served = (await servedOf?.(user)) ?? null;
    if (served !== null) c.header(SPACE_HEADER, spaceHeader(served));
    return c.json(statusAnswer(head, (await clients.devices(user)).length));
  });

  app.notFound((c) => c.json({ error: 'no such route' }, 404));
  app.onError((error, c) => {
    if (!(error instanceof Refusal)) {
      onFailure(error);
      return c.json({ error: 'the hub failed' }, 500);
    }
    if (error.status === 401) c.header('www-authenticate', 'Bearer');
    // What is left of a body that nobody will read is not worth its way here.
    if (error.status === 413 || error.status === 429) c.header('connection', 'close');
    if (error.status === 429) c.header('retry-after', '1');
    return c.json({ error: error.message }, error.status);
  });
  return app;
}

/** Read where it arrives: through the layers of a web request it takes as long as the rest. */
async function readJson(incoming: IncomingMessage, share: BodyShare): Promise<unknown> {
  const { headers } = incoming;
  const type = headers['content-type'];
  if (typeof type !== 'string' || type.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw new Refusal(415, 'this body must be application/json');
  const length = headers['content-length'];
  if (typeof length !== 'string') throw new Refusal(411, 'bodies need a Content-Length');
  if (Number(length) > REQUEST_BYTES) throw new Refusal(413, `a body of ${length} bytes; at most ${REQUEST_BYTES} are taken`);
  const body = await readAll(incoming, share);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal(400, 'invalid_request: the body is not JSON');
    throw error;
  }
}

async function readAll(incoming: IncomingMessage, share: BodyShare): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    // The connection stays for the answer, whatever is wrong with the body.
    for await (const part of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      share.take(part.length); // as it arrives: who dawdles holds no more than was sent
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, 'invalid_request: the body broke off'); // the caller has gone, and reads this no more
  }
  return Buffer.concat(parts);
}

function opsOf(request: unknown): Result<Op[], string> {
  const push = parsePush(request);
  if (!push.ok) return fail(`invalid_request: ${push.error}`);
  const ops: Op[] = [];
  for (const [index, each] of push.value.entries()) {
    const op = parseOp(each);
    if (!op.ok) return fail(`invalid_ops: ops[${index}]: ${op.error}`);
    ops.push(op.value);
  }
  return ok(ops);
}

/** Numbers are of JavaScript here: no feed gets beyond them, so that whoever asks for more asks for nothing. */
function countOf(text: string, name: string): number {
  if (!isDecimal(text)) throw new Refusal(400, `${name} must be an unsigned decimal number`);
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}
