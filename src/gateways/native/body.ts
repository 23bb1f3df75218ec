import type { Result } from '../../core/result.ts';
import { ApiError } from './api-error.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { HubContext } from './hub-app.ts';
import { whenOver } from './when-over.ts';

/**
 * A whole body of at most `limit` bytes and of this media type. Its memory is counted until the answer is out.
 * Node holds the sender to the declared length, and the listener to the time that it may take.
 */
export async function readBody(c: HubContext, type: string, limit: number, budget: ByteBudget): Promise<Uint8Array> {
  const given = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (given !== type) throw new ApiError('unsupported-media-type', `this body must be ${type}`);
  const length = declaredLength(c);
  if (length > limit) throw new ApiError('too-large', `a body of ${length} bytes; at most ${limit} are taken here`);
  whenOver(c, budget.take(length));
  try {
    return new Uint8Array(await c.req.arrayBuffer());
  } catch {
    throw new ApiError('bad-request', 'the body broke off'); // the caller has gone, and reads this no more
  }
}

/** For JSON bodies, which the route's schema reads: refuses what is too long before any of it is read. */
export function checkJsonLength(c: HubContext, limit: number): void {
  const length = declaredLength(c);
  if (length > limit) throw new ApiError('too-large', `a body of ${length} bytes; at most ${limit} are taken here`);
}

function declaredLength(c: HubContext): number {
  const header = c.req.header('content-length');
  if (header === undefined) throw new ApiError('length-required', 'bodies need a Content-Length');
  return Number(header);
}

/** The value, or `bad-request` with what the decoder found. */
export function decoded<T>(result: Result<T, string>): T {
  if (!result.ok) throw new ApiError('bad-request', `body: ${result.error}`);
  return result.value;
}

/** A binary answer. */
export function cbor(c: HubContext, bytes: Uint8Array, status: 200 | 409 | 424 = 200): Response {
  return c.body(bytes as Uint8Array<ArrayBuffer>, status, { 'content-type': 'application/cbor' });
}
