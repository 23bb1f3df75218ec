import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyOf, canonical, idOf, mutation, row, seal, sha, tombstone, type Kind, type WireOp } from './claude-mem-ops.ts';
import type { Answer, SyncClient } from './claude-mem-client.ts';
import { startGateway, type GatewayPlace } from './claude-mem-place.ts';

/** The protocol, sentence by sentence, as claude-mem's clients 13.12 to 13.25 hold it. */
let place: GatewayPlace;
let a: SyncClient;
let b: SyncClient;

beforeEach(async () => {
  place = await startGateway();
  a = await place.client('ada', 'device-a');
  b = await place.client('ada', 'device-b');
});
afterEach(() => place.close());

interface Served {
  readonly seq: string;
  readonly body: string;
  readonly operation_sha256: string;
  readonly server_ts: string;
}

interface Acked {
  readonly id: string;
  readonly kind: string;
  readonly origin_local_id: string | null;
  readonly entity_rev: string;
  readonly operation_sha256: string;
  readonly seq: string;
}

const opsOf = (answer: Answer): Served[] => answer.body['ops'] as Served[];
const ackedOf = (answer: Answer): Acked[] => answer.body['acked'] as Acked[];
const seqsOf = (answer: Answer): string[] => opsOf(answer).map(({ seq }) => seq);

async function expectRefused(ops: readonly unknown[], why: RegExp): Promise<void> {
  const before = await a.status();
  const answer = await a.push(ops);
  expect(answer.status).toBe(400);
  expect(answer.body['error']).toMatch(why);
  expect(await a.status()).toEqual(before);
}

const token = async (user = 'ada'): Promise<string> => (await place.clients.addToken(user, '')).token;

describe('Headers on every call', () => {
  const paths = ['/v1/sync/changes', '/v1/sync/status', '/v1/sync/ws'];

  it.each(paths)('%s: Authorization: Bearer', async (path) => {
    const headers = { 'x-user-id': 'ada', 'x-device-id': 'd' };
    expect((await place.get(path, headers)).status).toBe(401);
    expect((await place.get(path, { ...headers, authorization: 'Bearer nonsense' })).status).toBe(401);
    expect((await place.get(path, { ...headers, authorization: `Basic ${await token()}` })).status).toBe(401);
  });

  it.each(paths)('%s: X-User-Id', async (path) => {
    const authorization = `Bearer ${await token()}`;
    expect((await place.get(path, { authorization, 'x-device-id': 'd' })).status).toBe(401);
    expect((await place.get(path, { authorization, 'x-device-id': 'd', 'x-user-id': 'bob' })).status).toBe(401);
  });

  it('POST /v1/sync/ops: all of them, before its body is read', async () => {
    const push = async (headers: Record<string, string>): Promise<number> => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: 'nonsense' };
      return (await fetch(`${place.url}/v1/sync/ops`, init)).status;
    };
    const headers = { 'x-user-id': 'ada', 'x-device-id': 'd', authorization: `Bearer ${await token()}` };
    expect(await push({})).toBe(401);
    expect(await push({ ...headers, authorization: 'Bearer nonsense' })).toBe(401);
    expect(await push({ ...headers, 'x-user-id': 'bob' })).toBe(401);
    expect(await push({ ...headers, 'x-device-id': 'x'.repeat(129) })).toBe(400);
    expect(await push({ ...headers, 'x-device-name': 'n'.repeat(81) })).toBe(400);
  });

  it('a token of one user is none of another', async () => {
    const headers = { 'x-user-id': 'bob', 'x-device-id': 'd', authorization: `Bearer ${await token('ada')}` };
    await token('bob');
    expect((await place.get('/v1/sync/status', headers)).status).toBe(401);
  });

  it('a token that was taken back lets nobody in', async () => {
    const made = await place.clients.addToken('ada', '');
    const headers = { 'x-user-id': 'ada', 'x-device-id': 'd', authorization: `Bearer ${made.token}` };
    expect((await place.get('/v1/sync/status', headers)).status).toBe(200);
    expect(await place.clients.removeToken(made.id)).toBe(true);
    expect((await place.get('/v1/sync/status', headers)).status).toBe(401);
  });

  it('X-Device-Id (≤128)', async () => {
    const headers = { 'x-user-id': 'ada', authorization: `Bearer ${await token()}` };
    expect((await place.get('/v1/sync/changes', headers)).status).toBe(400);
    expect((await place.get('/v1/sync/changes', { ...headers, 'x-device-id': 'x'.repeat(129) })).status).toBe(400);
    expect((await place.get('/v1/sync/changes', { ...headers, 'x-device-id': 'x'.repeat(128) })).status).toBe(200);
  });

  it('optional X-Device-Name (≤80)', async () => {
    const headers = { 'x-user-id': 'ada', 'x-device-id': 'd', authorization: `Bearer ${await token()}` };
    expect((await place.get('/v1/sync/changes', { ...headers, 'x-device-name': 'n'.repeat(81) })).status).toBe(400);
    expect((await place.get('/v1/sync/changes', { ...headers, 'x-device-name': 'n'.repeat(80) })).status).toBe(200);
    expect(await place.clients.devices('ada')).toEqual([expect.objectContaining({ id: 'd', name: 'n'.repeat(80) })]);
  });

  it('tokens lie in the store as hashes only', async () => {
    const made = await token();
    const stored = await place.store.read((tx) => tx.documents.list('claude-mem-tokens'));
    expect(stored.length).toBeGreaterThan(0);
    expect(JSON.stringify(stored)).not.toContain(made.slice(6));
  });
});

describe('Devices are admitted on first push, pull or socket', () => {
  const count = async (): Promise<unknown> => (await a.status()).body['device_count'];

  it('on first push', async () => {
    await a.push([]);
    await a.push([row('device-a')]);
    expect(await count()).toBe(1);
  });

  it('on first pull', async () => {
    await a.changes();
    await b.changes();
    expect(await count()).toBe(2);
  });

  it('on first socket', async () => {
    await a.socket();
    expect(await count()).toBe(1);
  });

  it('a push that is refused for its form admits nobody', async () => {
    await a.push(['nonsense']);
    expect(await count()).toBe(0);
  });

  it('over the limit: 409 {"error":"device_limit_exceeded"}', async () => {
    const small = await startGateway({ deviceLimit: 1 });
    try {
      const first = await small.client('ada', 'one');
      const second = await small.client('ada', 'two');
      expect((await first.changes()).status).toBe(200);
      for (const answer of [await second.changes(), await second.push([row('two')])])
        expect(answer).toEqual({ status: 409, body: { error: 'device_limit_exceeded' } });
      await expect(second.socket()).rejects.toThrow('409');
      expect((await first.push([row('one')])).status).toBe(200);
      // Each user has a limit of its own.
      expect((await (await small.client('bob', 'two')).changes()).status).toBe(200);
      expect(await small.clients.removeDevice('ada', 'one')).toBe(true);
      expect((await second.changes()).status).toBe(200);
    } finally {
      await small.close();
    }
  });
});

describe('Op', () => {
  it('has exactly body and operation_sha256', async () => {
    await expectRefused([{ ...row('device-a'), more: 1 }], /exactly/);
    await expectRefused([{ body: row('device-a').body }], /exactly/);
    await expectRefused([null], /exactly/);
    await expectRefused([['body', 'operation_sha256']], /exactly/);
  });

  it('operation_sha256 is the 43-char unpadded base64url sha256 of body', async () => {
    const op = row('device-a');
    await expectRefused([{ ...op, operation_sha256: `${op.operation_sha256}=` }], /operation_sha256/);
    await expectRefused([{ ...op, operation_sha256: sha('other') }], /operation_sha256/);
    await expectRefused([{ ...op, operation_sha256: Buffer.from(op.operation_sha256, 'base64url').toString('hex') }], /operation_sha256/);
  });

  it('body is canonical JSON: recursive key sort + JSON.stringify', async () => {
    const body = bodyOf('device-a');
    const spaced = JSON.stringify(JSON.parse(canonical(body)), null, 1);
    await expectRefused([seal(spaced)], /canonical/);
    const { id, ...rest } = JSON.parse(canonical(body)) as Record<string, unknown>;
    await expectRefused([seal(JSON.stringify({ id, ...rest }))], /canonical/);
    await expectRefused([seal(canonical(body).replace('"It works."', String.raw`"\u0049t works."`))], /canonical/);
    await expectRefused(
      [seal(canonical(body).replace('{"body_schema_version"', '{"body_schema_version":1,"body_schema_version"'))],
      /canonical/,
    );
    await expectRefused([seal('not json')], /JSON/);
    await expectRefused([seal('[]')], /object/);
  });

  it('numbers that a client would not print again as they are make no canonical JSON', async () => {
    for (const number of ['1e400', '9007199254740993', '-0', '1.0', '1E2', '9007199254740992']) {
      const op = row('device-a', { payload: { metadata: { n: 'HERE' } } });
      const text = op.body.replace('"HERE"', number);
      await expectRefused([seal(text)], /canonical|safe/);
    }
  });

  it('a key __proto__, which clients lose, is refused', async () => {
    const text = row('device-a', { payload: { metadata: { here: 1 } } }).body.replace('{"here":1}', '{"__proto__":1}');
    await expectRefused([seal(text)], /canonical/);
  });

  it('what is nested so deep that it could end a client is refused', async () => {
    const deep = '['.repeat(5_000) + ']'.repeat(5_000);
    const text = row('device-a', { payload: { metadata: { here: 1 } } }).body.replace('{"here":1}', `{"here":${deep}}`);
    await expectRefused([seal(text)], /nested/);
  });

  it('Body has exactly these keys', async () => {
    for (const key of Object.keys(bodyOf('device-a')))
      await expectRefused([row('device-a', { change: (body) => void delete body[key] })], /exactly|contain/);
    await expectRefused([row('device-a', { change: (body) => void (body['more'] = 1) })], /exactly/);
  });

  it('body_schema_version:1, payload_schema_version:2', async () => {
    await expectRefused([row('device-a', { change: (body) => void (body['body_schema_version'] = 2) })], /body_schema_version/);
    await expectRefused([row('device-a', { change: (body) => void (body['payload_schema_version'] = 1) })], /payload_schema_version/);
  });

  it('payload_sha256 is of the canonical payload', async () => {
    await expectRefused([row('device-a', { change: (body) => void (body['payload_sha256'] = sha('{}')) })], /payload_sha256/);
  });

  it.each(['observation', 'summary', 'prompt'] as const)('kind %s', async (kind) => {
    const op = row('device-a', { kind });
    expect((await a.push([op])).status).toBe(200);
    expect(opsOf(await b.changes())).toEqual([expect.objectContaining(op)]);
  });

  it('kind mutation', async () => {
    const op = mutation('device-a', { op: 'set_title', target: { memory_session_id: 'm-1' }, fields: { custom_title: 'T' } });
    expect((await a.push([op])).status).toBe(200);
    expect(opsOf(await b.changes())).toEqual([expect.objectContaining(op)]);
  });

  it('any other kind is refused', async () => {
    for (const kind of ['session', 'Observation', '', null, 1, 'constructor', '__proto__'])
      await expectRefused([row('device-a', { change: (body) => void (body['kind'] = kind) })], /kind/);
  });

  it('content id = kind + ":" + b64url(sha256(canonicalJson(["cmem-doc-id-v1","device",kind,device_id,local_id])))', async () => {
    await expectRefused(
      [row('device-a', { change: (body) => void (body['id'] = idOf('observation', 'device-a', '2')) })],
      /id does not match/,
    );
    await expectRefused([row('device-a', { change: (body) => void (body['id'] = idOf('summary', 'device-a', '1')) })], /id does not match/);
  });

  it('Mutation id mutation:<uuid>, payload null', async () => {
    const good = { op: 'set_title', target: { memory_session_id: 'm' }, fields: { custom_title: 'T' } };
    await expectRefused([mutation('device-a', good, { uuid: 'nonsense' })], /uuid/);
    const body = JSON.parse(mutation('device-a', good).body) as Record<string, unknown>;
    await expectRefused([seal({ ...body, payload: {}, payload_sha256: sha('{}') })], /payload/);
    await expectRefused([seal({ ...body, origin_local_id: '1' })], /origin_local_id/);
    await expectRefused([seal({ ...body, deleted: true, deleted_at: '2026-01-02T00:00:00.000Z' })], /deleted/);
  });

  it('Sequences, revs and epochs are uint64 decimal strings', async () => {
    for (const rev of ['0', '-1', '01', '1.0', '1e3', '', ' 1', '18446744073709551616', '99999999999999999999999'])
      await expectRefused([row('device-a', { rev })], /entity_rev/);
    await expectRefused([row('device-a', { change: (body) => void (body['entity_rev'] = 1) })], /entity_rev/);
    for (const local of ['-1', '01', 'x', '18446744073709551616']) await expectRefused([row('device-a', { local })], /origin_local_id/);
    const answer = await a.push([row('device-a', { rev: '18446744073709551615', local: '18446744073709551615' })]);
    expect(answer.status).toBe(200);
    expect(ackedOf(answer)).toEqual([expect.objectContaining({ seq: '1', entity_rev: '18446744073709551615' })]);
    const { epoch } = (await a.status()).body;
    expect(epoch).toMatch(/^[1-9][0-9]*$/);
  });

  it('Tombstone: deleted:true, deleted_at ISO ms, payload null', async () => {
    expect((await a.push([row('device-a'), tombstone('device-a', { rev: '2' })])).status).toBe(200);
    const wrong = (changes: Record<string, unknown>): WireOp =>
      tombstone('device-a', { local: '9', change: (body) => void Object.assign(body, changes) });
    await expectRefused([wrong({ deleted_at: null })], /deleted_at/);
    await expectRefused([wrong({ deleted_at: '2026-01-02' })], /deleted_at/);
    await expectRefused([wrong({ deleted_at: '2026-01-02T00:00:00Z' })], /deleted_at/);
    await expectRefused([wrong({ deleted_at: 'soon' })], /deleted_at/);
    await expectRefused([wrong({ payload: {} })], /payload/);
    await expectRefused([wrong({ payload_sha256: sha('{}') })], /payload_sha256/);
    await expectRefused([wrong({ deleted: 1 })], /deleted/);
    await expectRefused(
      [row('device-a', { local: '9', change: (body) => void (body['deleted_at'] = '2026-01-02T00:00:00.000Z') })],
      /deleted_at/,
    );
  });

  it('Mutations: set_title, set_prompt_session, remap_project', async () => {
    const good = [
      { op: 'set_title', target: { content_session_id: 'c', platform_source: 'claude' }, fields: { custom_title: 'T' } },
      { op: 'set_prompt_session', target: { origin_device_id: 'd', origin_local_id: '1' }, fields: { memory_session_id: 'm' } },
      { op: 'remap_project', where: { project: 'old' }, fields: { merged_into_project: 'new' } },
      { op: 'remap_project', where: { merged_into_project_is_null: true, memory_session_id: 'm' }, fields: { project: 'new' } },
    ];
    const uuid = (index: number): string => `0b5a1c9e-7d5f-4a53-9a45-2f1f0a6f7a0${index}`;
    expect((await a.push(good.map((says, index) => mutation('device-a', says, { uuid: uuid(index) })))).status).toBe(200);
    const bad: unknown[] = [
      null,
      [],
      { op: 'drop_all' },
      { op: 'set_title', target: {}, fields: { custom_title: 'T' } },
      { op: 'set_title', target: { platform_source: 'claude' }, fields: { custom_title: 'T' } },
      { op: 'set_title', target: { memory_session_id: 'm' }, fields: { custom_title: null } },
      { op: 'set_title', target: { memory_session_id: 'm' }, fields: { custom_title: '  ' } },
      { op: 'set_title', target: { memory_session_id: 'm', x: '1' }, fields: { custom_title: 'T' } },
      { op: 'set_title', target: { memory_session_id: 'm' }, fields: { custom_title: 'T' }, more: 1 },
      { op: 'set_title', target: null, fields: null },
      { op: 'set_prompt_session', target: { origin_device_id: 'd', origin_local_id: 1 }, fields: { memory_session_id: 'm' } },
      { op: 'set_prompt_session', target: { origin_device_id: '', origin_local_id: '1' }, fields: { memory_session_id: 'm' } },
      { op: 'set_prompt_session', target: { origin_device_id: 'd', origin_local_id: '1' }, fields: {} },
      { op: 'remap_project', where: {}, fields: { project: 'new' } },
      { op: 'remap_project', where: { merged_into_project_is_null: false }, fields: { project: 'new' } },
      { op: 'remap_project', where: { project: 'old' }, fields: {} },
      { op: 'remap_project', where: { project: null }, fields: { project: 'new' } },
    ];
    for (const says of bad) await expectRefused([mutation('device-a', says, { uuid: uuid(9) })], /mutation|set_title|session|remap|merged/);
  });

  it('Body ≤256,000 B', async () => {
    const size = Buffer.byteLength(row('device-a', { payload: { narrative: '' } }).body);
    const fits = row('device-a', { payload: { narrative: 'ü'.repeat(Math.floor((256_000 - size) / 2)) } });
    expect(Buffer.byteLength(fits.body)).toBeGreaterThan(255_990);
    expect((await a.push([fits])).status).toBe(200);
    for (const narrative of ['x'.repeat(256_001 - size), 'ü'.repeat(128_000)])
      await expectRefused([row('device-a', { local: '2', payload: { narrative } })], /256000/);
  });

  it('request ≤8,000,000 B (413)', async () => {
    const filler = ' '.repeat(8_000_000 - Buffer.byteLength('{"protocol_version":2,"ops":[]}'));
    expect((await a.send(`{"protocol_version":2,"ops":[]${filler}}`)).status).toBe(200);
    expect((await a.send(`{"protocol_version":2,"ops":[] ${filler}}`)).status).toBe(413);
  });

  it('≤500 ops', async () => {
    const ops = Array.from({ length: 501 }, (_, index) => row('device-a', { local: String(index) }));
    await expectRefused(ops, /500/);
    expect((await a.push(ops.slice(1))).status).toBe(200);
  });
});

describe('POST /v1/sync/ops', () => {
  it('takes {"protocol_version":2,"ops":[…]} and nothing else', async () => {
    for (const body of [
      '',
      'x',
      '[]',
      'null',
      '{"ops":[]}',
      '{"protocol_version":1,"ops":[]}',
      '{"protocol_version":2,"ops":{}}',
      '{"protocol_version":2,"ops":[],"x":1}',
    ])
      expect((await a.send(body)).status).toBe(400);
    expect((await a.send('{"protocol_version":2,"ops":[]}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('→ 200 {"acked":[{id,kind,origin_local_id,entity_rev,operation_sha256,seq}],"head_seq","projected_seq"}', async () => {
    const op = row('device-a');
    expect(await a.push([op])).toEqual({
      status: 200,
      body: {
        acked: [
          {
            id: idOf('observation', 'device-a', '1'),
            kind: 'observation',
            origin_local_id: '1',
            entity_rev: '1',
            operation_sha256: op.operation_sha256,
            seq: '1',
          },
        ],
        head_seq: '1',
        projected_seq: '1',
      },
    });
  });

  it('Atomic, validated before anything is stored', async () => {
    await expectRefused([row('device-a'), row('device-a', { local: '2', payload: { type: null } })], /ops\[1\]/);
    expect(opsOf(await b.changes())).toEqual([]);
  });

  it('The ack multiset equals the pushed tuples', async () => {
    const ops = [row('device-a'), row('device-a', { local: '2' }), row('device-a')];
    const acked = ackedOf(await a.push(ops));
    expect(acked.map((ack) => ack.operation_sha256).sort()).toEqual(ops.map((op) => op.operation_sha256).sort());
    expect(acked[0]).toEqual(acked[2]);
    expect((await a.status()).body['op_count']).toBe(2);
  });

  it('distinct tuples have distinct seqs', async () => {
    const kinds: Kind[] = ['observation', 'summary', 'prompt'];
    const ops = [...kinds.map((kind) => row('device-a', { kind })), row('device-a', { rev: '2' }), row('device-a', { local: '2' })];
    const seqs = ackedOf(await a.push(ops)).map(({ seq }) => seq);
    expect(new Set(seqs).size).toBe(ops.length);
  });

  it('seq ≤ head_seq ≤ projected_seq: projected_seq = head_seq', async () => {
    const answer = await a.push([row('device-a'), row('device-a', { local: '2' })]);
    expect(answer.body).toMatchObject({ head_seq: '2', projected_seq: '2' });
    expect(ackedOf(answer).map(({ seq }) => seq)).toEqual(['1', '2']);
  });

  it('Per entity: higher rev appends', async () => {
    await a.push([row('device-a', { rev: '9' })]);
    expect(ackedOf(await a.push([row('device-a', { rev: '10' })]))[0]?.seq).toBe('2');
  });

  it('same rev and hash acks the old seq', async () => {
    const op = row('device-a');
    await a.push([op, row('device-a', { local: '2' })]);
    const again = await a.push([op]);
    expect(ackedOf(again)[0]?.seq).toBe('1');
    expect(again.body['head_seq']).toBe('2');
  });

  it('an op whose answer was lost is acked again, though a later one of its entity is there', async () => {
    const ops = [row('device-a'), row('device-a', { rev: '2', payload: { title: 'Two' } })];
    await a.push(ops);
    const again = await a.push(ops);
    expect(again.status).toBe(200);
    expect(ackedOf(again).map(({ seq }) => seq)).toEqual(['1', '2']);
  });

  it('same rev, other hash: 400 revision_hash_conflict', async () => {
    await a.push([row('device-a', { rev: '3' })]);
    const answer = await a.push([row('device-a', { rev: '3', payload: { title: 'Other' } })]);
    const id = idOf('observation', 'device-a', '1');
    expect(answer).toEqual({ status: 400, body: { error: `invalid_ops: revision_hash_conflict:${id}:3` } });
    await expectRefused(
      [row('device-a', { local: '7' }), row('device-a', { local: '7', payload: { title: 'Other' } })],
      /revision_hash_conflict/,
    );
  });

  it('lower: stale_revision', async () => {
    await a.push([row('device-a', { rev: '3' })]);
    const answer = await a.push([row('device-a', { rev: '2' })]);
    expect(answer).toEqual({ status: 400, body: { error: `invalid_ops: stale_revision:${idOf('observation', 'device-a', '1')}:2` } });
  });

  it('An op whose origin_device_id is not X-Device-Id: 400 with exactly both texts', async () => {
    const answer = await a.push([row('device-a'), row('device-b')]);
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toContain('invalid_ops');
    expect(answer.body['error']).toContain('origin_device_id does not match authenticated X-Device-Id');
    expect(opsOf(await b.changes())).toEqual([]);
  });

  it('pushes that come at once are one after the other', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, (_, index) => place.client('ada', `d${index}`)));
    await Promise.all(
      clients.flatMap((client) =>
        Array.from({ length: 5 }, (_, push) =>
          client.push(Array.from({ length: 10 }, (_, op) => row(client.device, { local: String(push * 10 + op) }))),
        ),
      ),
    );
    const served = opsOf(await b.changes());
    expect(served.map(({ seq }) => seq)).toEqual(Array.from({ length: 400 }, (_, index) => String(index + 1)));
    expect(new Set(served.map(({ body }) => body)).size).toBe(400);
  });
});

describe('GET /v1/sync/changes?since=&limit=500', () => {
  const many = (count: number): WireOp[] => Array.from({ length: count }, (_, index) => row('device-a', { local: String(index + 1) }));

  it('→ {"protocol_version":2,"epoch","ops":[{seq,body,operation_sha256,server_ts}],"head_seq","more"}', async () => {
    const op = row('device-a');
    await a.push([op]);
    const { epoch } = (await b.status()).body;
    expect(await b.changes()).toEqual({
      status: 200,
      body: { protocol_version: 2, epoch, ops: [{ ...op, seq: '1', server_ts: String(place.clock.now()) }], head_seq: '1', more: false },
    });
  });

  it("Seqs must run on without a gap from since+1, the caller's own ops included", async () => {
    await a.push(many(3));
    await b.push([row('device-b')]);
    expect(seqsOf(await a.changes('1'))).toEqual(['2', '3', '4']);
    expect(seqsOf(await b.changes())).toEqual(['1', '2', '3', '4']);
    expect((await a.changes('4')).body).toMatchObject({ ops: [], head_seq: '4', more: false });
    expect((await a.changes('18446744073709551615')).body).toMatchObject({ ops: [], head_seq: '4', more: false });
  });

  it('pages by limit, and says whether there is more', async () => {
    await a.push(many(5));
    const first = await b.changes('0', '2');
    expect([seqsOf(first), first.body['more'], first.body['head_seq']]).toEqual([['1', '2'], true, '5']);
    const second = await b.changes('2', '3');
    expect([seqsOf(second), second.body['more']]).toEqual([['3', '4', '5'], false]);
  });

  it('since and limit may be left out, and no page has more than 500 ops', async () => {
    await a.push(many(500));
    await a.push([row('device-a', { local: '501' })]);
    const headers = { 'x-user-id': 'ada', 'x-device-id': 'device-b', authorization: `Bearer ${await token()}` };
    const pages = [await place.get('/v1/sync/changes', headers), await b.changes('0', '501'), await b.changes('0', '4294967296')];
    for (const page of pages) {
      expect(opsOf(page).length).toBe(500);
      expect(page.body).toMatchObject({ head_seq: '501', more: true });
    }
    expect(seqsOf(await b.changes('500'))).toEqual(['501']);
  });

  it('pages by size too, so that no answer is larger than a client likes', async () => {
    const large = Array.from({ length: 25 }, (_, index) =>
      row('device-a', { local: String(index), payload: { narrative: 'x'.repeat(250_000) } }),
    );
    await a.push(large);
    const page = await b.changes();
    expect(opsOf(page).length).toBeLessThan(25);
    expect(page.body['more']).toBe(true);
    const rest = await b.changes(seqsOf(page).at(-1));
    expect(opsOf(page).length + opsOf(rest).length).toBe(25);
  });

  it('refuses what is no number', async () => {
    for (const since of ['-1', 'x', '1.5', '01', '18446744073709551616']) expect((await a.changes(since)).status).toBe(400);
    for (const limit of ['0', '-1', 'x', '']) expect((await a.changes('0', limit)).status).toBe(400);
  });

  it('numbers and bytes stay, through a restart too', async () => {
    await a.push(many(3));
    await a.push([tombstone('device-a', { rev: '2' })]);
    const before = await b.changes();
    const again = await startGateway({ store: { ...place.store, close: async () => undefined } });
    try {
      expect(await (await again.client('ada', 'device-b')).changes()).toEqual(before);
    } finally {
      await again.close();
    }
  });

  it('a new epoch begins where the store may be behind what it served', async () => {
    await a.push(many(1));
    const before = (await a.status()).body['epoch'] as string;
    await place.store.write((tx) => tx.feeds.renewEpochs(0));
    const after = (await a.changes()).body['epoch'] as string;
    expect(BigInt(after)).toBeGreaterThan(BigInt(before));
  });

  it('each user sees only its own', async () => {
    await a.push(many(2));
    const bob = await place.client('bob', 'device-a');
    expect(opsOf(await bob.changes())).toEqual([]);
    expect(ackedOf(await bob.push([row('device-a', { payload: { title: "Bob's" } })]))[0]?.seq).toBe('1');
    expect(opsOf(await a.changes()).length).toBe(2);
    expect((await bob.status()).body).toMatchObject({ op_count: 1, device_count: 1 });
  });
});

describe('GET /v1/sync/status', () => {
  it('→ {protocol_version:2,epoch(>0),head_seq,projected_seq,op_count,device_count}', async () => {
    await a.push([row('device-a')]);
    await b.changes();
    const { body } = await b.status();
    expect(body).toEqual({
      protocol_version: 2,
      epoch: expect.stringMatching(/^[1-9]\d*$/),
      head_seq: '1',
      projected_seq: '1',
      op_count: 1,
      device_count: 2,
    });
  });

  it('admits nobody', async () => {
    expect((await a.status()).body['device_count']).toBe(0);
    expect((await b.status()).body['device_count']).toBe(0);
  });
});

describe('GET /v1/sync/ws', () => {
  interface Frame {
    readonly type: string;
    readonly epoch: string;
    readonly ops?: readonly Served[];
    readonly head_seq?: string;
  }
  const parsed = (frames: readonly string[]): Frame[] => frames.map((frame) => JSON.parse(frame) as Frame);
  const settle = (): Promise<void> => place.clock.sleep(60);

  it('upgrade with the same headers', async () => {
    const stranger = await place.client('ada', 'x'.repeat(129));
    await expect(stranger.socket()).rejects.toThrow('400');
    const made = await place.clients.addToken('eve', '');
    const eve = await place.client('eve', 'device-a');
    await place.clients.removeToken(made.id);
    for (const { id, user } of await place.clients.tokens()) if (user === 'eve') await place.clients.removeToken(id);
    await expect(eve.socket()).rejects.toThrow('401');
  });

  it('{"type":"op","epoch","ops":[…]}', async () => {
    const { frames } = await b.socket();
    const op = row('device-a');
    await a.push([op]);
    await expect.poll(() => frames.length).toBe(1);
    const { epoch } = (await a.status()).body;
    expect(parsed(frames)).toEqual([{ type: 'op', epoch, ops: [{ ...op, seq: '1', server_ts: String(place.clock.now()) }] }]);
  });

  it('≤100 ops a frame, else {"type":"advance","epoch","head_seq"}', async () => {
    const { frames } = await b.socket();
    await a.push(Array.from({ length: 100 }, (_, index) => row('device-a', { local: String(index) })));
    await expect.poll(() => frames.length).toBe(1);
    await a.push(Array.from({ length: 101 }, (_, index) => row('device-a', { local: String(1_000 + index) })));
    await expect.poll(() => frames.length).toBe(2);
    const [first, second] = parsed(frames);
    expect(first?.ops?.length).toBe(100);
    expect(second).toEqual({ type: 'advance', epoch: first?.epoch, head_seq: '201' });
  });

  it('≤262,144 B a frame', async () => {
    const { frames } = await b.socket();
    await a.push([row('device-a', { payload: { narrative: '"'.repeat(100_000) } })]); // escaped twice over, it is more
    await expect.poll(() => frames.length).toBe(1);
    expect(parsed(frames)[0]?.type).toBe('advance');
  });

  it('never to the origin device', async () => {
    const [mine, others] = [await a.socket(), await b.socket()];
    await a.push([row('device-a')]);
    await expect.poll(() => others.frames.length).toBe(1);
    await settle();
    expect(mine.frames).toEqual([]);
  });

  it('never to another user', async () => {
    const { frames } = await (await place.client('bob', 'device-b')).socket();
    await a.push([row('device-a')]);
    await settle();
    expect(frames).toEqual([]);
  });

  it('what would not follow on what a client has is an advance, since a gap makes it drop the socket', async () => {
    const { frames } = await b.socket();
    await b.push([row('device-b')]);
    await a.push([row('device-a')]);
    await expect.poll(() => frames.length).toBe(1);
    expect(parsed(frames)[0]).toMatchObject({ type: 'advance', head_seq: '2' });
    await b.changes();
    await a.push([row('device-a', { rev: '2' })]);
    await expect.poll(() => frames.length).toBe(2);
    expect(parsed(frames)[1]).toMatchObject({ type: 'op', ops: [{ seq: '3' }] });
  });

  it('an advance that came while the client was pulling is said again', async () => {
    const { frames } = await b.socket();
    await b.push([row('device-b')]);
    await a.push([row('device-a')]);
    await expect.poll(() => frames.length).toBe(2);
    expect(parsed(frames)[1]).toEqual(parsed(frames)[0]);
  });

  it('The client pings, and is answered', async () => {
    const { socket } = await b.socket();
    const answered = new Promise<void>((resolve) => socket.once('pong', () => resolve()));
    socket.ping();
    await answered;
  });

  it('The client pings every 40 s: one that was silent for long has gone', async () => {
    const [silent, heard] = [await a.socket(), await b.socket()];
    place.clock.advance(100_000);
    heard.socket.ping();
    await new Promise((resolve) => heard.socket.once('pong', resolve));
    expect(silent.socket.readyState).toBe(silent.socket.OPEN);
    place.clock.advance(40_000);
    heard.socket.ping();
    await expect.poll(() => silent.socket.readyState).toBe(silent.socket.CLOSED);
    expect(heard.socket.readyState).toBe(heard.socket.OPEN);
  });

  it('text from a client is of no consequence; too much ends the socket', async () => {
    const { socket, frames } = await b.socket();
    socket.send('{"type":"op","ops":[]}');
    await a.push([row('device-a')]);
    await expect.poll(() => frames.length).toBe(1);
    socket.send('x'.repeat(2_000));
    await expect.poll(() => socket.readyState).toBe(socket.CLOSED);
  });

  it('ends with the gateway', async () => {
    const { socket } = await b.socket();
    place.gateway.close();
    await expect.poll(() => socket.readyState).toBe(socket.CLOSED);
  });
});

describe('Validated to what clients can apply', () => {
  const never: [string, Kind, Record<string, unknown>][] = [
    ['an observation without a type', 'observation', { type: null }],
    ['an observation with an empty type', 'observation', { type: '' }],
    ['no session', 'observation', { memory_session_id: null }],
    ['a blank session', 'observation', { memory_session_id: '  ' }],
    ['no project', 'summary', { project: null }],
    ['no time', 'summary', { created_at_epoch: null }],
    ['a time that no Date can hold', 'summary', { created_at_epoch: '8640000000000001' }],
    ['a number that is none', 'observation', { discovery_tokens: 12 }],
    ['a count that JavaScript cannot hold', 'observation', { discovery_tokens: '9007199254740993' }],
    ['a list of other than text', 'observation', { facts: [1] }],
    ['a list that is text', 'observation', { facts: '[]' }],
    ['metadata that is no object', 'observation', { metadata: [] }],
    ['text that is none', 'observation', { title: 1 }],
    ['a field that clients do not know', 'observation', { shell: 'rm' }],
    ['a field of another kind', 'summary', { facts: [] }],
    ['no prompt number', 'prompt', { prompt_number: null }],
    ['no prompt text', 'prompt', { prompt_text: null }],
    ['no session of the prompt', 'prompt', { content_session_id: '' }],
    ['a name that is longer than 4096 bytes', 'observation', { project: 'ü'.repeat(2_049) }],
    ['a toString', 'observation', { toString: 'x' }],
  ];

  it.each(never)('%s is refused', async (_, kind, payload) => {
    await expectRefused([row('device-a', { kind, payload })], new RegExp(kind));
    expect((await a.push([row('device-a', { kind, local: '2' })])).status).toBe(200);
  });

  it('a payload that is no object is refused', async () => {
    for (const payload of [null, [], 'x', 1])
      await expectRefused(
        [row('device-a', { change: (body) => Object.assign(body, { payload, payload_sha256: sha(canonical(payload)) }) })],
        /object/,
      );
  });

  it('metadata with keys that are numbers is canonical as clients print it', async () => {
    const metadata = JSON.parse('{"10":1,"9":2,"b":3}') as unknown;
    const text = JSON.stringify(JSON.parse(canonical(bodyOf('device-a', { payload: { metadata } }))));
    const body = JSON.parse(text) as { payload: unknown; payload_sha256: string };
    body.payload_sha256 = sha(JSON.stringify(body.payload));
    expect((await a.push([seal(JSON.stringify(body))])).status).toBe(200);
  });
});

describe('Databases that were copied from one another', () => {
  it.each(['observation', 'summary', 'prompt'] as const)('do not double: a %s that another device has is served once', async (kind) => {
    await a.push([row('device-a', { kind, local: '7' })]);
    const pushed = await b.push([row('device-b', { kind, local: '9' }), row('device-b', { kind, local: '10', payload: OTHER[kind] })]);
    expect(ackedOf(pushed).map(({ seq }) => seq)).toEqual(['2', '3']);
    expect(ackedOf(pushed)[0]?.operation_sha256).toBe(row('device-b', { kind, local: '9' }).operation_sha256);
    const served = opsOf(await (await place.client('ada', 'device-c')).changes());
    expect(served.map(({ seq }) => seq)).toEqual(['1', '2', '3']);
    const bodies = served.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(bodies.map(({ origin_local_id: local }) => local)).toEqual(['7', null, '10']);
    expect(bodies[1]).toMatchObject({ kind: 'mutation', deleted: false, payload: null });
    expect(JSON.stringify(bodies[1])).not.toContain('device-b');
    for (const op of served) expect(sha(op.body)).toBe(op.operation_sha256);
  });

  it('no two feeds tell of one revision of a row by other bytes, be it a double in one of them, and whenever it was pushed', async () => {
    const doubled = row('device-b', { local: '9' });
    const rowsServed = async (user: string): Promise<string[]> =>
      opsOf(await (await place.client(user, 'device-c')).changes()).map(({ body }) => body);
    for (const user of ['ada', 'bob']) {
      await (await place.client(user, 'device-a')).push([row('device-a', { local: '7' })]);
      await (await place.client(user, 'device-b')).push([doubled]);
    }
    await (await place.client('eve', 'device-b')).push([doubled]);
    expect(await rowsServed('ada')).toEqual(await rowsServed('bob'));
    expect(await rowsServed('eve')).toEqual([doubled.body]);
    const says = (await rowsServed('ada')).map((body) => (JSON.parse(body) as { id: string }).id);
    expect(says).not.toContain(idOf('observation', 'device-b', '9'));
  });

  it('a folded op is acked again as it was', async () => {
    const op = row('device-b');
    await a.push([row('device-a')]);
    const first = await b.push([op]);
    expect(await b.push([op])).toEqual(first);
  });

  it('twins of one device stay two', async () => {
    await a.push([row('device-a', { local: '1' }), row('device-a', { local: '2' })]);
    expect(opsOf(await b.changes()).map(({ body }) => (JSON.parse(body) as { deleted: boolean }).deleted)).toEqual([false, false]);
  });

  it('what one deleted, another may bring back', async () => {
    await a.push([row('device-a'), tombstone('device-a', { rev: '2' })]);
    await b.push([row('device-b')]);
    const bodies = opsOf(await a.changes()).map(({ body }) => JSON.parse(body) as { deleted: boolean });
    expect(bodies.map(({ deleted }) => deleted)).toEqual([false, true, false]);
  });
});

const OTHER: Readonly<Record<Kind, Record<string, unknown>>> = {
  observation: { title: 'Another' },
  summary: { request: 'Another' },
  prompt: { prompt_number: '2' },
};
