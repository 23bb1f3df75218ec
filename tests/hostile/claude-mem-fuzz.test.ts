import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseOp, parsePush } from '../../src/gateways/claude-mem/schema.ts';
import { canonical, mutation, row, seal, sha, tombstone, type WireOp } from '../gateways/claude-mem-ops.ts';
import type { SyncClient } from '../gateways/claude-mem-client.ts';
import { startGateway, type GatewayPlace } from '../gateways/claude-mem-place.ts';

const says = { op: 'set_title', target: { memory_session_id: 'm-1' }, fields: { custom_title: 'T' } };
const GOOD: readonly WireOp[] = [
  row('device-a'),
  row('device-a', { kind: 'summary' }),
  row('device-a', { kind: 'prompt' }),
  tombstone('device-a', { rev: '2' }),
  mutation('device-a', says),
];

type Json = Record<string, unknown>;

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, '', ' ', '0', '01', '-1', '18446744073709551616', '9007199254740993', 'x'.repeat(5_000), true, -0, 1e21, [], {}, [
    null,
  ]),
);

/** A good op of which one place, at any depth, holds something else, sealed anew where the hashes are. */
const changed = fc
  .record({
    op: fc.constantFrom(...GOOD),
    places: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
    value,
    isSealed: fc.boolean(),
    drop: fc.boolean(),
  })
  .map(({ op, places, value, isSealed, drop }) => {
    const body = JSON.parse(op.body) as Json;
    let at: Json = body;
    for (const [depth, place] of places.entries()) {
      const keys = Object.keys(at);
      const key = keys[place % Math.max(1, keys.length)] ?? 'new';
      const inner = at[key];
      if (depth < places.length - 1 && typeof inner === 'object' && inner !== null) at = inner as Json;
      else {
        if (drop) delete at[key];
        else at[key] = value;
        break;
      }
    }
    if (isSealed && typeof body['payload'] === 'object') body['payload_sha256'] = sha(canonical(body['payload']));
    return seal(body);
  });

/** What every client 13.12 to 13.25 demands of a row before it writes it, said once more from their tables. */
function isHoldable(body: Json): boolean {
  const payload = body['payload'] as Json | null;
  if (body['kind'] === 'mutation' || body['deleted'] === true) return payload === null;
  if (payload === null) return false;
  const needed = {
    observation: ['memory_session_id', 'project', 'type'],
    summary: ['memory_session_id', 'project'],
    prompt: ['content_session_id', 'prompt_text'],
  }[body['kind'] as 'observation'];
  const texts = needed.every((field) => typeof payload[field] === 'string' && payload[field] !== '');
  const epoch = Number(payload['created_at_epoch']);
  return (
    texts && typeof payload['created_at_epoch'] === 'string' && Number.isFinite(new Date(epoch).valueOf()) && Number.isSafeInteger(epoch)
  );
}

describe('parsers of claude-mem’s protocol', () => {
  it('never throw, and what they take is what every client can hold', () => {
    let taken = 0;
    fc.assert(
      fc.property(changed, (op) => {
        const parsed = parseOp(op);
        if (!parsed.ok) {
          expect(parsed.error).toMatch(/[a-z]/);
          return;
        }
        taken += 1;
        expect(isHoldable(JSON.parse(op.body) as Json)).toBe(true);
        // As clients look: the bytes are what they print of it themselves.
        expect(canonicalAsClients(op.body)).toBe(op.body);
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('take anything, and name what is wrong', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.json().map((text) => JSON.parse(text) as unknown),
        ),
        (thing) => {
          expect(parseOp(thing).ok).toBe(false);
          const push = parsePush(thing);
          if (!push.ok) expect(push.error).toMatch(/[a-z]/);
        },
      ),
    );
  });
});

function canonicalAsClients(text: string): string {
  const sort = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(sort);
    if (typeof each !== 'object' || each === null) return each;
    const sorted: Json = {};
    for (const key of Object.keys(each).sort()) sorted[key] = sort((each as Json)[key]);
    return sorted;
  };
  return JSON.stringify(sort(JSON.parse(text)));
}

describe('a gateway under fire', () => {
  let place: GatewayPlace;
  let client: SyncClient;
  beforeAll(async () => {
    place = await startGateway();
    client = await place.client('ada', 'device-a');
  });
  afterAll(() => place.close());

  it('answers any push with 200 or 4xx, and serves nothing that a client could not take', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: changed }, { weight: 1, arbitrary: fc.constantFrom(...GOOD) }), { maxLength: 4 }),
        async (ops) => {
          const { status } = await client.push(ops);
          expect([200, 400]).toContain(status);
        },
      ),
      { numRuns: 150 },
    );
    const { body } = await client.changes();
    const served = body['ops'] as (WireOp & { readonly seq: string })[];
    expect(served.length).toBeGreaterThan(0);
    for (const [index, { body, operation_sha256, seq }] of served.entries()) {
      expect(parseOp({ body, operation_sha256 })).toMatchObject({ ok: true });
      expect(seq).toBe(String(index + 1));
    }
    expect(place.logged).toEqual([]);
  });

  it('answers any bytes with 4xx', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        const { status, body } = await client.send(text);
        expect(status).toBe(400);
        expect(body['error']).toEqual(expect.stringMatching(/[a-z]/));
      }),
      { numRuns: 100 },
    );
    expect(place.logged).toEqual([]);
  });
});
