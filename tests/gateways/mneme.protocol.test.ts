import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace;
beforeAll(async () => {
  place = await MnemePlace.create();
});
afterAll(() => place.close());

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const lockOf = (client: string): unknown => ({
  clientId: client,
  acquiredAt: expect.stringMatching(ISO),
  expiresAt: expect.stringMatching(ISO),
});

let projects = 0;
const fresh = (): string => `project-${(projects += 1)}`;

describe('health', () => {
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])('%s / and /health need no key', async (method) => {
    for (const target of ['/', '/health']) {
      const answer = await place.ask(method, target, { key: null });
      expect(answer).toMatchObject({ status: 200, body: { status: 'ok', version: '1.0.0', authRequired: true } });
      expect(answer.headers['content-type']).toBe('application/json');
    }
  });

  it('is exactly there', async () => {
    for (const target of ['/health?x', '/health/', '//']) expect((await place.ask('GET', target, { key: null })).status).toBe(401);
  });
});

describe('a lock', () => {
  it('is taken, and taken again by the same client', async () => {
    const project = fresh();
    const first = await place.lock(project, 'a');
    expect(first).toMatchObject({ status: 200, body: { success: true, lock: lockOf('a') } });
    const again = await place.lock(project, 'a');
    expect(again).toMatchObject({ status: 200, body: { success: true, lock: lockOf('a') } });
    const [before, after] = [first, again].map(({ body }) => body['lock'] as { acquiredAt: string; expiresAt: string });
    expect(Date.parse(before?.expiresAt ?? '') - Date.parse(before?.acquiredAt ?? '')).toBe(30 * 60_000);
    expect(Date.parse(after?.acquiredAt ?? '')).toBeGreaterThanOrEqual(Date.parse(before?.acquiredAt ?? ''));
  });

  it('is in the way of another client', async () => {
    const project = fresh();
    await place.lock(project, 'a');
    expect(await place.lock(project, 'b')).toMatchObject({
      status: 409,
      body: { error: 'Lock held by another client', lock: lockOf('a') },
    });
  });

  it('is given back by its holder alone', async () => {
    const project = fresh();
    expect(await place.unlock(project, 'a')).toMatchObject({ status: 200, body: { success: true, message: 'No lock to release' } });
    await place.lock(project, 'a');
    expect(await place.unlock(project, 'b')).toMatchObject({ status: 403, body: { error: 'Lock held by different client' } });
    expect((await place.unlock(project, 'a')).body).toEqual({ success: true });
    expect((await place.lock(project, 'b')).status).toBe(200);
  });

  it('is shown to whoever asks', async () => {
    const project = fresh();
    const status = () => place.ask('GET', `/projects/${project}/lock`);
    expect((await status()).body).toEqual({ locked: false, lock: null });
    await place.lock(project, 'a');
    expect((await status()).body).toEqual({ locked: true, lock: lockOf('a') });
  });

  it('is kept by a heartbeat', async () => {
    const project = fresh();
    const beat = (client: string) => place.ask('POST', `/projects/${project}/lock/heartbeat`, { client });
    expect(await beat('a')).toMatchObject({ status: 403, body: { error: 'No lock to extend' } });
    const { acquiredAt } = (await place.lock(project, 'a')).body['lock'] as { acquiredAt: string };
    expect(await beat('a')).toMatchObject({ status: 200, body: { success: true, lock: { clientId: 'a', acquiredAt } } });
    expect(await beat('b')).toMatchObject({ status: 403, body: { error: 'Lock held by different client' } });
  });

  it.each([
    ['POST', '/lock'],
    ['DELETE', '/lock'],
    ['POST', '/lock/heartbeat'],
    ['PUT', '/files/log.jsonl'],
  ])('needs to know the client: %s %s', async (method, rest) => {
    const answer = await place.ask(method, `/projects/${fresh()}${rest}`, method === 'PUT' ? { body: '{"content":"x"}' } : {});
    expect(answer).toMatchObject({ status: 400, body: { error: 'X-Client-Id header required' } });
  });
});

describe('files', () => {
  it('are listed, read and written', async () => {
    const project = fresh();
    expect((await place.ask('GET', `/projects/${project}/files`)).body).toEqual({ files: [] });
    await place.lock(project, 'a');
    const content = '{"ts":"2025-01-01T00:00:00Z","type":"prompt","content":"é"}\n';
    const put = await place.put(project, 'log.jsonl', content, 'a');
    expect(put).toMatchObject({ status: 200, body: { success: true, mtime: expect.stringMatching(ISO) } });
    expect((await place.get(project, 'log.jsonl')).body).toEqual({ content, mtime: put.body['mtime'] });
    expect((await place.ask('GET', `/projects/${project}/files`)).body).toEqual({
      files: [{ name: 'log.jsonl', size: Buffer.byteLength(content), mtime: put.body['mtime'] }],
    });
  });

  it('keep their time while their content stays, and only then', async () => {
    const project = fresh();
    await place.lock(project, 'a');
    const summary = '{"projectContext":"x","keyDecisions":[],"currentState":[],"recentWork":[],"lastUpdated":null,"lastEntryIndex":0}\n';
    const contents = { 'log.jsonl': '{"ts":1}\n', 'summary.json': summary, 'summary.md': '# x\n' };
    const times = async (file: string) => {
      // By hand: a client's list is of times that make it do something.
      const { body } = await place.ask('GET', `/projects/${project}/files`, { headers: { 'user-agent': 'curl/8' } });
      const listed = (body['files'] as { name: string; mtime: string }[]).find(({ name }) => name === file)?.mtime;
      return [listed, (await place.get(project, file)).body['mtime']];
    };
    const given = new Map<string, unknown>();
    for (const [file, content] of Object.entries(contents)) given.set(file, (await place.put(project, file, content, 'a')).body['mtime']);
    const { replica } = [...place.node.spaces.values()][0] ?? {};
    await expect.poll(() => replica?.drafts.length).toBe(0);
    await place.node.deps.clock.sleep(5);
    let told = 0;
    const stop = replica?.onChange((items, how) => void (told += how === 'changed' ? items.length : 0));
    await replica?.rebuild(0, async () => undefined); // everybody is told of what is as it was
    stop?.();
    expect(told).toBeGreaterThan(0);
    for (const [file, time] of given) expect(await times(file)).toEqual([time, time]);
    for (const [file, content] of Object.entries(contents)) {
      expect((await place.put(project, file, content, 'a')).body['mtime']).toBe(given.get(file));
      expect(await times(file)).toEqual([given.get(file), given.get(file)]);
    }
    const again = (await place.put(project, 'log.jsonl', '{"ts":1}\n{"ts":2}\n', 'a')).body['mtime'];
    expect(Date.parse(String(again))).toBeGreaterThan(Date.parse(String(given.get('log.jsonl'))));
    expect(await times('log.jsonl')).toEqual([again, again]);
  });

  it('that are not there are not found, others are not allowed', async () => {
    const project = fresh();
    expect(await place.get(project, 'log.jsonl')).toMatchObject({ status: 404, body: { error: 'File not found' } });
    expect(await place.get(project, 'other.json')).toMatchObject({ status: 400, body: { error: 'File not allowed for sync' } });
    await place.lock(project, 'a');
    expect(await place.put(project, 'other.json', '{}', 'a')).toMatchObject({
      status: 403,
      body: { error: 'File not allowed for sync' },
    });
  });

  it('are written by who has the lock', async () => {
    const project = fresh();
    expect(await place.put(project, 'log.jsonl', '{"ts":1}\n', 'a')).toMatchObject({
      status: 403,
      body: { error: 'No lock held - acquire lock before writing' },
    });
    await place.lock(project, 'b');
    expect(await place.put(project, 'log.jsonl', '{"ts":1}\n', 'a')).toMatchObject({
      status: 403,
      body: { error: 'Lock held by different client' },
    });
  });

  it('come as raw text too', async () => {
    const project = fresh();
    await place.lock(project, 'a');
    const body = '{"ts":1}\n{"ts":2}\n';
    expect((await place.ask('PUT', `/projects/${project}/files/log.jsonl`, { client: 'a', body })).status).toBe(200);
    expect((await place.get(project, 'log.jsonl')).body['content']).toBe(body);
  });
});

describe('whatever else', () => {
  it('is not found, never not allowed', async () => {
    for (const [method, target] of [
      ['GET', '/projects'],
      ['GET', '/projects/x'],
      ['PATCH', '/projects/x/lock'],
      ['PUT', '/projects/x/lock'],
      ['DELETE', '/projects/x/files/log.jsonl'],
      ['GET', '/projects/x/files/log.jsonl/more'],
      ['GET', '/nothing'],
    ] as const)
      expect(await place.ask(method, target, { client: 'a' })).toMatchObject({ status: 404, body: { error: 'Not found' } });
  });

  it('needs a key', async () => {
    for (const authorization of [undefined, 'Basic x', 'Bearer', 'bearer x']) {
      const answer = await place.ask('GET', '/nothing', {
        key: null,
        ...(authorization === undefined ? {} : { headers: { authorization } }),
      });
      expect(answer).toMatchObject({ status: 401, body: { error: 'Missing or invalid Authorization header' } });
    }
    expect(await place.ask('GET', '/nothing', { key: 'wrong' })).toMatchObject({ status: 403, body: { error: 'Invalid API key' } });
  });

  it('OPTIONS is answered without one', async () => {
    for (const target of ['/', '/projects/x/lock', '/nothing'])
      expect(await place.ask('OPTIONS', target, { key: null })).toMatchObject({ status: 204, body: {} });
  });
});
