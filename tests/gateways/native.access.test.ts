import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { encodeAppend, encodeObjects } from '../../src/core/hub-protocol/wire.ts';
import { EMPTY_HEAD, encodeRecord, headAfter } from '../../src/core/log/record.ts';
import { DEFAULT_LIMITS } from '../../src/gateways/native/limits.ts';
import { CHALLENGE_LIFETIME, SESSION_LIFETIME } from '../../src/gateways/native/sessions.ts';
import { createSpaceWriter, sealedObject, segment } from '../contracts/space-writer.ts';
import { random, roleKey, startHub, type HubPlace } from './native-place.ts';
import { ask, bearer, challenge, json, proof, sessionOf } from './native-raw.ts';

const key = () => createSigningKey(random.bytes(32));

describe('who may do what at a hub', () => {
  let hub: HubPlace;
  beforeEach(async () => {
    hub = await startHub();
  });
  afterEach(() => hub.close());

  /** A space that is there, with one owner. */
  async function space() {
    const owner = key();
    const writer = createSpaceWriter({ key: owner });
    const remote = hub.connect({ signing: owner });
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    hub.roles.set(writer.space, null);
    hub.roles.set(roleKey(writer.space, owner.machine), 'owner');
    return { owner, writer, remote, head: headAfter(writer.genesis) };
  }

  describe('sessions', () => {
    it('opens one for a machine that holds its key', async () => {
      const token = await sessionOf(hub);
      const answer = await ask(hub, `/v1/spaces/${'0'.repeat(64)}/head`, { headers: bearer(token) });
      expect([answer.status, answer.json.error?.code]).toEqual([404, 'no-space']);
    });

    it('takes a nonce once', async () => {
      const signing = key();
      const nonce = (await challenge(hub, signing.machine)).json['nonce'] as string;
      expect((await ask(hub, '/v1/auth/session', proof(hub, signing, nonce))).status).toBe(200);
      const again = await ask(hub, '/v1/auth/session', proof(hub, signing, nonce));
      expect([again.status, again.json.error?.message]).toEqual([403, 'no session: the nonce was used before']);
    });

    it('takes a nonce for the machine that it was made for, for a minute, from this hub only', async () => {
      const [signing, other] = [key(), key()];
      const nonce = (await challenge(hub, signing.machine)).json['nonce'] as string;
      expect((await ask(hub, '/v1/auth/session', proof(hub, other, nonce))).status).toBe(403);
      const elsewhere = await startHub();
      expect((await ask(elsewhere, '/v1/auth/session', proof(elsewhere, signing, nonce))).status).toBe(403);
      await elsewhere.close();
      hub.clock.advance(CHALLENGE_LIFETIME + 1);
      const late = await ask(hub, '/v1/auth/session', proof(hub, signing, nonce));
      expect(late.json.error?.message).toBe('no session: the nonce has expired');
    });

    it('refuses a proof for another origin, another hub key or by another machine', async () => {
      const signing = key();
      const nonce = async () => (await challenge(hub, signing.machine)).json['nonce'] as string;
      const wrong = [
        proof(hub, signing, await nonce(), 'https://evil.example'),
        proof({ ...hub, hubKey: key() }, signing, await nonce()),
        proof(hub, { ...key(), machine: signing.machine }, await nonce()),
      ];
      for (const question of wrong) {
        const answer = await ask(hub, '/v1/auth/session', question);
        expect([answer.status, answer.json.error?.message]).toEqual([403, 'no session: the signature does not match']);
      }
    });

    it('ends after an hour, which a client does not notice', async () => {
      const { writer, remote, head } = await space();
      const token = await sessionOf(hub);
      hub.clock.advance(SESSION_LIFETIME + 1);
      const answer = await ask(hub, `/v1/spaces/${writer.space}/head`, { headers: bearer(token) });
      expect([answer.status, answer.json.error?.code]).toEqual([401, 'unauthenticated']);
      expect(await remote.head(writer.space)).toEqual(head);
    });

    it('limits proofs by address, before their bodies are read', async () => {
      const answers = await Promise.all(Array.from({ length: 250 }, () => ask(hub, '/v1/auth/challenge', json('not even an object'))));
      const limited = answers.filter((answer) => answer.status === 429);
      expect(limited.length).toBeGreaterThan(0);
      expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThan(0);
      expect(answers.filter((answer) => answer.status === 400)).toHaveLength(250 - limited.length);
    });
  });

  describe('spaces', () => {
    it('look the same when unknown and when of others', async () => {
      const { writer } = await space();
      const stranger = hub.connect();
      const unknown = createSpaceWriter();
      hub.authority.mayCreate = async () => false;
      for (const each of [writer, unknown]) {
        const behind = headAfter(each.genesis);
        expect(await stranger.head(each.space)).toBeNull();
        expect(await stranger.read(each.space, 0, { records: 10, bytes: 1000 })).toEqual({ head: null, records: [] });
        expect(await stranger.append(each.space, behind, segment([each.record(behind)]))).toEqual({
          type: 'moved',
          head: null,
          missing: [],
        });
        const errors = [
          stranger.append(each.space, EMPTY_HEAD, segment([each.genesis])),
          stranger.putObjects(each.space, [sealedObject(10)]),
          stranger.writeCheckpoint(each.space, 1, random.bytes(9)),
        ];
        for (const error of errors) {
          await expect(error).rejects.toMatchObject({ type: 'refused', message: expect.stringContaining('no-space') });
        }
      }
    });

    it('stay unknown to one who may create spaces, and sends their genesis', async () => {
      const { writer } = await space();
      const stranger = hub.connect();
      const attempt = stranger.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
      await expect(attempt).rejects.toMatchObject({ type: 'refused', message: expect.stringContaining('no-space') });
    });

    it('take no first record but their genesis, from whoever may create', async () => {
      const [mine, other] = [createSpaceWriter(), createSpaceWriter()];
      const attempt = hub.connect().append(mine.space, EMPTY_HEAD, segment([other.genesis]));
      await expect(attempt).rejects.toMatchObject({ type: 'refused' });
      expect(await hub.behind.head(mine.space)).toBeNull();
    });

    it('let readers read and nothing else', async () => {
      const { writer, head } = await space();
      const signing = key();
      hub.roles.set(roleKey(writer.space, signing.machine), 'reader');
      const reader = hub.connect({ signing });
      expect((await reader.read(writer.space, 0, { records: 10, bytes: 1_000 })).records).toHaveLength(1);
      for (const attempt of [
        reader.append(writer.space, head, segment([writer.record(head)])),
        reader.putObjects(writer.space, [sealedObject(10)]),
        reader.writeCheckpoint(writer.space, 1, random.bytes(9)),
      ]) {
        await expect(attempt).rejects.toMatchObject({ type: 'refused', message: expect.stringContaining('read-only') });
      }
      expect(await hub.behind.head(writer.space)).toEqual(head);
    });

    it('are lost to a removed machine at once, whatever session it holds', async () => {
      const { owner, writer, remote, head } = await space();
      await remote.putObjects(writer.space, [sealedObject(10)]);
      const token = await sessionOf(hub, owner);
      const read = () => ask(hub, `/v1/spaces/${writer.space}/records?from=0`, { headers: bearer(token) });
      expect((await read()).status).toBe(200);
      hub.roles.set(roleKey(writer.space, owner.machine), null);
      expect((await read()).status).toBe(404);
      expect(await remote.head(writer.space)).toBeNull();
      expect(await remote.append(writer.space, head, segment([writer.record(head)]))).toMatchObject({ type: 'moved', head: null });
      expect(await hub.behind.head(writer.space)).toEqual(head);
    });

    it('take nothing past the quota, and say so', async () => {
      const { writer, remote, head } = await space();
      hub.authority.hasRoom = async (_, __, bytes) => bytes < 5_000;
      const object = sealedObject(10_000);
      const full = { type: 'refused', message: expect.stringContaining('quota') };
      await expect(remote.putObjects(writer.space, [object])).rejects.toMatchObject(full);
      await expect(remote.append(writer.space, head, segment([writer.record(head)], [object]))).rejects.toMatchObject(full);
      expect(await hub.behind.hasObjects(writer.space, [object.id])).toEqual(new Set());
      expect(await remote.append(writer.space, head, segment([writer.record(head)]))).toMatchObject({ type: 'appended' });
    });
  });

  describe('routes', () => {
    it('need a session or a token, those added later included', async () => {
      await hub.close();
      hub = await startHub({
        deps: {
          routes: (app) => {
            app.get('/v1/node/status', (c) => c.json({ fine: true }));
            app.post('/v1/node/stop', (c) => c.json({ fine: true }));
            app.get('/v1/later', (c) => c.json({ machine: c.get('machine') }));
          },
        },
      });
      const { write, read } = hub.tokens;
      const session = await sessionOf(hub);
      const status = async (path: string, method: string, token?: string) =>
        (await ask(hub, path, { method, headers: token === undefined ? {} : bearer(token) })).status;
      expect(await status('/v1/node/status', 'GET')).toBe(401);
      expect(await status('/v1/node/status', 'GET', session)).toBe(401);
      expect(await status('/v1/node/status', 'GET', `${read}x`)).toBe(401);
      expect(await status('/v1/node/status', 'GET', read)).toBe(200);
      expect(await status('/v1/node/stop', 'POST', read)).toBe(403);
      expect(await status('/v1/node/stop', 'POST', write)).toBe(200);
      expect(await status('/v1/later', 'GET')).toBe(401);
      expect(await status('/v1/later', 'GET', write)).toBe(401);
      expect(await status('/v1/later', 'GET', session)).toBe(200);
      for (const path of ['/v1/live', '/v1/nothing', '/v1/hub/x', '/v1/node', '/v1//hub', '/v1/mailbox/a/b']) {
        expect(await status(path, 'GET')).toBe(401);
      }
    });

    it('tell public facts to anyone, and touch the store for health', async () => {
      const facts = await ask(hub, '/v1/hub');
      expect(facts.json).toEqual({ key: hub.hubKey.machine, protocol: 1, version: '0.0.0-test' });
      expect((await ask(hub, '/healthz')).json).toEqual({ status: 'ok' });
      const sick = await startHub({ deps: { health: () => Promise.reject(new Error('disk /secret/path is gone')) } });
      const answer = await ask(sick, '/healthz');
      expect([answer.status, answer.json.error?.code]).toEqual([503, 'unavailable']);
      expect(answer.body.toString()).not.toContain('secret');
      expect((await ask(sick, '/readyz')).status).toBe(503);
      await sick.close();
    });

    it('say that a store does not answer that hangs, before who asks gives up', async () => {
      expect(DEFAULT_LIMITS.healthTime).toBeLessThan(4_000); // what the probes of deploy/ wait
      const never = new Promise<void>(() => undefined);
      const hung = await startHub({ deps: { limits: { healthTime: 50 }, health: () => never } });
      for (const path of ['/healthz', '/readyz']) {
        const { status, json, headers } = await ask(hung, path);
        expect([status, json.error, headers['retry-after']]).toEqual([
          503,
          { code: 'unavailable', message: 'the store behind this hub does not answer' },
          '5',
        ]);
      }
      await hung.close();
    });

    it('tell of a bucket that is away without being unwell, except to who asks whether everything is there', async () => {
      const away: 'bucket'[] = [];
      const hub = await startHub({ deps: { away: () => away } });
      const asked = async (path: string): Promise<unknown> => {
        const { status, json } = await ask(hub, path);
        return [status, json];
      };
      expect(await asked('/readyz')).toEqual([200, { status: 'ok' }]);
      away.push('bucket');
      expect(await asked('/healthz')).toEqual([200, { status: 'degraded', away: ['bucket'] }]);
      expect(await asked('/readyz')).toEqual([
        503,
        { error: { code: 'unavailable', message: 'the bucket behind this hub does not answer' } },
      ]);
      await hub.close();
    });

    it('are all described in the OpenAPI document', async () => {
      const { json: document } = await ask(hub, '/openapi.json');
      expect(Object.keys(document['paths'] as object).toSorted()).toMatchInlineSnapshot(`
        [
          "/healthz",
          "/readyz",
          "/v1/auth/challenge",
          "/v1/auth/session",
          "/v1/hub",
          "/v1/live",
          "/v1/mailbox",
          "/v1/mailbox/{slot}",
          "/v1/spaces",
          "/v1/spaces/{space}/checkpoint",
          "/v1/spaces/{space}/head",
          "/v1/spaces/{space}/objects/delete",
          "/v1/spaces/{space}/objects/get",
          "/v1/spaces/{space}/objects/has",
          "/v1/spaces/{space}/objects/put",
          "/v1/spaces/{space}/objects/wanted",
          "/v1/spaces/{space}/records",
          "/v1/spaces/{space}/removal",
        ]
      `);
    });

    it('answer for what they do not know', async () => {
      const token = await sessionOf(hub);
      expect((await ask(hub, '/nothing')).json.error?.code).toBe('not-found');
      expect((await ask(hub, '/v1/nothing', { headers: bearer(token) })).json.error?.code).toBe('not-found');
    });
  });

  it('hides a failing store from the caller, and says in the log what happened', async () => {
    const { writer, owner } = await space();
    hub.authority.roleOf = () => Promise.reject(new Error('SQLITE_FULL at /var/lib/secret'));
    const token = await sessionOf(hub, owner);
    const answer = await ask(hub, `/v1/spaces/${writer.space}/head`, { headers: { ...bearer(token), 'x-request-id': 'mine-1' } });
    expect(answer.status).toBe(500);
    expect(answer.headers['x-request-id']).toBe('mine-1');
    expect(answer.body.toString()).not.toContain('secret');
    expect(hub.logged.some((line) => line.includes('SQLITE_FULL') && line.includes('mine-1'))).toBe(true);
  });

  it('logs no tokens, mailboxes, proofs or ids of spaces', async () => {
    const { writer, owner, remote, head } = await space();
    const mailbox = Buffer.from(random.bytes(32)).toString('hex');
    await remote.mailboxes.post(mailbox, 'a', random.bytes(5), hub.clock.now() + 60_000);
    const token = await sessionOf(hub, owner);
    const body = encodeAppend({ expected: head, records: [encodeRecord(writer.record(head))], objects: [] });
    await ask(hub, `/v1/spaces/${writer.space}/records`, { headers: { ...bearer(token), 'content-type': 'application/cbor' }, body });
    await ask(hub, `/v1/spaces/${writer.space}/objects/put`, {
      headers: { ...bearer(token), 'content-type': 'application/cbor' },
      body: encodeObjects([sealedObject(3)]),
    });
    await ask(hub, '/v1/node/x', { headers: bearer(hub.tokens.read) });
    const log = hub.logged.join('');
    expect(log).toContain('/v1/spaces/:space/records');
    for (const secret of [mailbox, token, hub.tokens.read, hub.tokens.write, writer.space]) expect(log).not.toContain(secret);
  });
});
