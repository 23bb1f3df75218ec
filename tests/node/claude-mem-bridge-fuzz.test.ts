import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseOp } from '../../src/gateways/claude-mem/schema.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { mutation, PAYLOADS, row, tombstone, type Kind, type WireOp } from '../gateways/claude-mem-ops.ts';
import { ask, Place } from './place.ts';
import { extent } from '../setup/extent.ts';
import { anyCharacter } from '../doubles/any-character.ts';

/** Two machines of one person, each with a gateway: whatever one's gateway took must not stop what comes after it. */
let place: Place;
let a: SatchelNode;
let b: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  a = await place.start('a');
  b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  b = await place.start('b');
});
afterEach(() => place.dispose());

async function clientOf(node: SatchelNode, device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

const odd = fc.constantFrom('', ' ', '\0', '\ud800', 'a/b/../c', 'ü', 'u\u0308', '\u202e', '~', '..', '__proto__', '😀'.repeat(300));
const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: anyCharacter, maxLength: 40 }), odd, fc.constantFrom('x', 'y'));
const name = fc.oneof(fc.constantFrom('m-1', 'm-2', 'c-1'), text).filter((each) => each.trim() !== '');
const count = fc.oneof(fc.constantFrom('0', '1', '9007199254740991', '8640000000000000'), fc.nat(3).map(String));
const list = fc.array(text, { maxLength: 3 });

function valueFor(field: string, plain: unknown): fc.Arbitrary<unknown> {
  if (field === 'created_at_epoch') return fc.constantFrom('0', '1767225600000', '8640000000000000');
  if (/_id$|project|platform/.test(field)) return name;
  if (field === 'metadata') return fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 });
  if (Array.isArray(plain) || /^files|facts|concepts/.test(field)) return list;
  return /tokens|number/.test(field) ? count : text;
}

/** A row of which some fields hold something else. */
const payloadOf = (kind: Kind): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(Object.entries(PAYLOADS[kind]).map(([field, plain]) => [field, valueFor(field, plain)])), {
    requiredKeys: [],
  });

const names = fc.record({ memory_session_id: name, content_session_id: name, platform_source: name }, { requiredKeys: [] });
const says = fc.oneof(
  fc.record({ op: fc.constant('set_title'), target: names, fields: fc.record({ custom_title: name }) }),
  fc.record({
    op: fc.constant('set_prompt_session'),
    target: fc.record({ origin_device_id: fc.constantFrom('device-a', 'device-b', 'x'), origin_local_id: count }),
    fields: fc.record({ memory_session_id: name, content_session_id: name, project: name }, { requiredKeys: ['memory_session_id'] }),
  }),
  fc.record({
    op: fc.constant('remap_project'),
    where: fc.record({ project: name, memory_session_id: name }, { requiredKeys: [] }),
    fields: fc.record({ project: name, merged_into_project: name }, { requiredKeys: [] }),
  }),
);

type Deed = { readonly who: number; readonly make: (device: string, rev: string) => WireOp };

const deed: fc.Arbitrary<Deed> = fc.record({
  who: fc.nat(2),
  make: fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .constantFrom<Kind>('observation', 'summary', 'prompt')
        .chain((kind) => fc.tuple(fc.constant(kind), payloadOf(kind), fc.nat(4)))
        .map(
          ([kind, payload, local]) =>
            (device: string, rev: string) =>
              row(device, { kind, payload, local: String(local), rev }),
        ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom<Kind>('observation', 'summary', 'prompt'), fc.nat(4)).map(
        ([kind, local]) =>
          (device: string, rev: string) =>
            tombstone(device, { kind, local: String(local), rev }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(says, fc.uuid({ version: 4 })).map(
        ([what, uuid]) =>
          (device: string) =>
            mutation(device, what, { uuid }),
      ),
    },
  ),
});

it('whatever was acknowledged, what comes after it arrives, and all that is served can be applied', async () => {
  const clients = [await clientOf(a, 'device-a'), await clientOf(a, 'device-b'), await clientOf(b, 'device-c')] as const;
  const watcher = await clientOf(b, 'device-d');
  await watcher.changes();
  let [rev, taken, rounds] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 25 }), async (deeds) => {
      for (const { who, make } of deeds) {
        const client = clients[who % clients.length] ?? clients[0];
        const { status } = await client.push([make(client.device, String((rev += 1)))]);
        expect([200, 400]).toContain(status);
        if (status === 200) taken += 1;
      }
      const [title, local] = [`sentinel ${(rounds += 1)}`, String(1_000 + rounds)];
      for (const client of [clients[0], clients[2]]) {
        const sentinel = row(client.device, { local, payload: { title: `${title} of ${client.device}`, memory_session_id: 'm-sentinel' } });
        expect((await client.push([sentinel])).status).toBe(200);
      }
      const titles = async (client: SyncClient): Promise<string> => {
        let all = '';
        for (let since = '0'; ;) {
          const { body } = await client.changes(since);
          const ops = body['ops'] as (WireOp & { readonly seq: string })[];
          for (const { body: each, operation_sha256 } of ops) {
            expect(parseOp({ body: each, operation_sha256 })).toMatchObject({ ok: true });
            all += each;
          }
          since = ops.at(-1)?.seq ?? since;
          if (body['more'] !== true) return all;
        }
      };
      await expect.poll(async () => (await titles(watcher)).includes(`"${title} of device-a"`)).toBe(true);
      await expect.poll(async () => (await titles(clients[1])).includes(`"${title} of device-c"`)).toBe(true);
    }),
    { numRuns: extent(5, 12), endOnFailure: true },
  );
  expect(taken).toBeGreaterThan(10);
});
