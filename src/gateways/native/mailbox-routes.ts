import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { isHex32 } from '../../core/ids.ts';
import { ApiError } from './api-error.ts';
import { readBody } from './body.ts';
import type { HubApp, HubContext, RouteDeps } from './hub-app.ts';
import { createRateLimiter, type RateLimiter } from './rate-limit.ts';
import { addressKey } from './rate-limit.ts';
import { bytesContent, countIn, errorAnswers } from './schema.ts';

/**
 * Letterboxes for joining, open to strangers: whoever knows a mailbox's id may use it. The id travels in the
 * Authorization header and not in the path, so that no log of any proxy holds it.
 */
const withMailbox = [{ mailbox: [] as string[] }];
const slotParams = z.object({
  slot: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be 1 to 64 of a-z, 0-9, "_" and "-", and begin with a letter or digit'),
});

const postRoute = createRoute({
  method: 'post',
  path: '/v1/mailbox/{slot}',
  summary: 'Leave a letter',
  description: 'Write-once: a slot that holds a letter answers `taken`. At most 64 KiB, kept until `expires` (ms since 1970).',
  security: withMailbox,
  request: {
    params: slotParams,
    query: z.object({ expires: countIn(0, Number.MAX_SAFE_INTEGER) }),
    body: { required: true, content: bytesContent },
  },
  responses: { 201: { description: 'It lies there' }, ...errorAnswers },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/mailbox/{slot}',
  summary: 'Read a letter',
  security: withMailbox,
  request: { params: slotParams },
  responses: { 200: { description: 'The letter; `not-found` where there is none', content: bytesContent }, ...errorAnswers },
});

const slotsRoute = createRoute({
  method: 'get',
  path: '/v1/mailbox',
  summary: 'Slots that hold a letter',
  security: withMailbox,
  responses: {
    200: { description: 'In no order', content: { 'application/json': { schema: z.object({ slots: z.array(z.string()) }) } } },
    ...errorAnswers,
  },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/mailbox',
  summary: 'Remove a mailbox with its letters',
  security: withMailbox,
  responses: { 204: { description: 'It is gone' }, ...errorAnswers },
});

export function addMailboxRoutes(app: HubApp, { remote, budget, clock, limits }: RouteDeps): void {
  const reads = createRateLimiter(limits.mailboxReads, clock);
  const writes = createRateLimiter(limits.mailboxWrites, clock);
  const { mailboxes } = remote;

  app.openapi(postRoute, async (c) => {
    const mailbox = mailboxOf(c, writes);
    const letter = await readBody(c, 'application/octet-stream', HUB_LIMITS.letterBytes, budget);
    const posted = await mailboxes.post(mailbox, c.req.valid('param').slot, letter, c.req.valid('query').expires);
    if (!posted) throw new ApiError('taken', 'this slot holds a letter already');
    return c.body(null, 201);
  });

  app.openapi(readRoute, async (c) => {
    const letter = await mailboxes.read(mailboxOf(c, reads), c.req.valid('param').slot);
    if (letter === null) throw new ApiError('not-found', 'no letter there');
    return c.body(letter as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  });

  app.openapi(slotsRoute, async (c) => c.json({ slots: await mailboxes.slots(mailboxOf(c, reads)) }, 200));

  app.openapi(removeRoute, async (c) => {
    await mailboxes.remove(mailboxOf(c, writes));
    return c.body(null, 204);
  });
}

function mailboxOf(c: HubContext, limiter: RateLimiter): string {
  const wait = limiter.take(addressKey(c.env.caller.address));
  if (wait > 0) throw new ApiError('too-many-requests', 'too many uses of mailboxes from this address', wait);
  const [scheme, mailbox] = (c.req.header('authorization') ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'mailbox')
    throw new ApiError('unauthenticated', 'a mailbox is named in the header Authorization: Mailbox ID');
  if (!isHex32(mailbox)) throw new ApiError('bad-request', 'a mailbox id is 64 hex characters');
  return mailbox;
}
