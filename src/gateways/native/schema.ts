import { z } from '@hono/zod-openapi';

/** The shapes that routes share, as OpenAPI components. What travels as CBOR is checked by core/hub-protocol/wire.ts. */
export const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex characters');

export const spaceParams = z.object({
  space: hex32.openapi({ param: { name: 'space', in: 'path' }, description: 'SHA-256 of the genesis record' }),
});

export const errorSchema = z
  .object({ error: z.object({ code: z.string(), message: z.string() }) })
  .openapi('Error', { description: 'Every answer that is not 2xx, except the outcomes 409 and 424 of an append' });

const binary = z.any().openapi({ type: 'string', format: 'binary' });

/** A body of one canonical CBOR value. */
export const cborContent = { 'application/cbor': { schema: binary } };
export const bytesContent = { 'application/octet-stream': { schema: binary } };

/** The answers that any route may give. */
export const errorAnswers = {
  '4XX': { description: 'The request was wrong, and changed nothing', content: { 'application/json': { schema: errorSchema } } },
  '5XX': { description: 'The hub failed; the request may be repeated', content: { 'application/json': { schema: errorSchema } } },
} as const;

export const asMachine = [{ session: [] as string[] }];

/** A decimal count in a query: digits, and nothing else that JavaScript would take for a number. */
export function countIn(least: number, most: number) {
  const number = z.number('expected a decimal number').int().min(least).max(most);
  return z.preprocess((text) => (typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text), number);
}
