import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MnemeClientDouble, type Release } from './mneme-client.ts';
import { MnemePlace } from './mneme-place.ts';

/** What goes wrong in the first server, by its number on the list. */
let place: MnemePlace;
/** How far the server's clock is ahead of all others, ms. */
let ahead = 0;
const LOCK_MINUTES = 5;
beforeAll(async () => {
  place = await MnemePlace.create({ config: { lockTTLMinutes: LOCK_MINUTES } });
  const { clock } = place.node.deps;
  const now = clock.now.bind(clock);
  Object.assign(clock, { now: () => now() + ahead });
});
afterAll(() => place.close());

let made = 0;
const project = (): string => `p${(made += 1)}`;
async function machine(id: string, name: string, skew = 0, release: Release = '3'): Promise<MnemeClientDouble> {
  const { token } = await place.node.mneme.tokens.add(id, { projects: null });
  return new MnemeClientDouble(place, name, { id, key: token, now: () => place.node.deps.clock.now() + skew, release });
}

async function machines(...ids: string[]): Promise<MnemeClientDouble[]> {
  const name = project();
  return Promise.all(ids.map((id) => machine(`${id}-${name}`, name)));
}

/** Locks taken up to now end. */
const outlive = (): void => void (ahead += (LOCK_MINUTES + 1) * 60_000);

describe('1: who was locked out', () => {
  it('loses nothing of what it wrote to the next push of another', async () => {
    const [a, b] = (await machines('a', 'b')) as [MnemeClientDouble, MnemeClientDouble];
    await a.pull();
    expect(await b.pull()).toBe(false);
    a.remember('of a');
    b.remember('of b');
    expect(await b.push()).toEqual([403]);
    expect(await a.push()).toEqual([200]);
    await b.pull();
    expect(b.known).toContain('of b');
    await b.push();
    await a.pull();
    expect(a.known).toEqual(['of a', 'of b']);
    await a.push();
    await b.pull();
    expect(b.known).toEqual(['of a', 'of b']);
  });

  it('does not undo what others did meanwhile, and what somebody forgot stays forgotten', async () => {
    const [a, b] = (await machines('a', 'b')) as [MnemeClientDouble, MnemeClientDouble];
    await a.pull();
    for (const fact of ['one', 'two', 'three']) a.remember(fact);
    await a.push();
    await b.pull();
    expect(b.known).toEqual(['one', 'three', 'two']);
    await b.push();
    await a.pull();
    a.forget('one');
    a.remember('four');
    await b.pull();
    b.forget('two');
    b.remember('five');
    await b.push();
    await a.push();
    for (const each of [a, b, a]) {
      await each.pull();
      await each.push();
    }
    expect(a.known).toEqual(['five', 'four', 'three']);
    expect(b.known).toEqual(a.known);
  });
});

describe('2: bad input', () => {
  const put = (name: string, file: string, body: string | Buffer) =>
    place.ask('PUT', `/projects/${name}/files/${file}`, { client: 'x', body });

  it.each(['%ZZ', '%', '%E0%A4%A', '%FF'])('%s in a project id is answered', async (id) => {
    for (const rest of ['/lock', '/files', '/files/log.jsonl'])
      expect(await place.ask('GET', `/projects/${id}${rest}`)).toMatchObject({ status: 400, body: { error: 'Invalid project id' } });
    expect((await place.ask('GET', '/health')).status).toBe(200);
  });

  it('a broken lease keeps nobody out', async () => {
    const name = project();
    for (const broken of ['garbage', { holder: 'gone', expires: 'never' }, { holder: 'gone', generation: 1, acquired: 1 }]) {
      await place.node.store.write((tx) => tx.documents.put('leases', `mneme/${name}`, broken));
      expect((await place.ask('GET', `/projects/${name}/lock`)).body).toEqual({ locked: false, lock: null });
      expect((await place.lock(name, 'x')).status).toBe(200);
      expect((await place.unlock(name, 'x')).status).toBe(200);
    }
  });

  it.each(['{}', '[]', '"text"', '7', 'null', '{"content":7}', '{"content":null}', '', ' \n'])(
    'a PUT of %j leaves the file as it is',
    async (body) => {
      const name = project();
      await place.lock(name, 'x');
      await place.put(name, 'log.jsonl', '{"ts":1}\n', 'x');
      expect((await put(name, 'log.jsonl', body)).status).toBe(400);
      expect((await place.get(name, 'log.jsonl')).body['content']).toBe('{"ts":1}\n');
    },
  );

  it.each([
    ['what is too long', Buffer.alloc(11 * 1024 * 1024, 'x')],
    ['what is far too long', Buffer.alloc(40 * 1024 * 1024, 'x')],
  ])('%s is refused, not reset', async (_, body) => {
    const name = project();
    await place.lock(name, 'x');
    const answer = await put(name, 'log.jsonl', body);
    expect(answer).toMatchObject({ status: 413, body: { error: expect.stringContaining('too large') as unknown } });
    const declared = await place.ask('PUT', `/projects/${name}/files/log.jsonl`, {
      client: 'x',
      body,
      headers: { 'content-length': String(body.length) },
    });
    expect(declared.status).toBe(413);
    expect((await place.get(name, 'log.jsonl')).status).toBe(404);
  });

  it('what is as long as may be is taken', async () => {
    const name = project();
    await place.lock(name, 'x');
    const content = `${JSON.stringify({ content: 'y'.repeat(10 * 1024 * 1024 - 100) })}\n`;
    expect((await place.put(name, 'log.jsonl', content.slice(0, 10 * 1024 * 1024 - 200), 'x')).status).toBe(200);
  });

  it('looking makes nothing', async () => {
    const spaces = place.node.spaces.size;
    const replica = [...place.node.spaces.values()][0]?.replica;
    const before = (await replica?.list())?.length;
    const name = project();
    for (const rest of ['/lock', '/files', '/files/log.jsonl', '/files/summary.md']) await place.ask('GET', `/projects/${name}${rest}`);
    await place.lock(name, 'x');
    await place.unlock(name, 'x');
    expect(place.node.spaces.size).toBe(spaces);
    expect((await replica?.list())?.length).toBe(before);
  });
});

describe('3: project ids', () => {
  it('never share a folder', async () => {
    const base = project();
    const ids = [
      `${base}.b`,
      `${base}/b`,
      `${base}_b`,
      `${base}%2Fb`,
      `${base}%b`,
      `${base} b`,
      `${base}é`,
      `${base}e\u0301`,
      `..`,
      '.',
      '../..',
      '~x',
      'a'.repeat(300),
    ];
    for (const [index, id] of ids.entries()) {
      await place.lock(id, 'x');
      expect((await place.put(id, 'log.jsonl', `{"ts":${index}}\n`, 'x')).status).toBe(200);
    }
    for (const [index, id] of ids.entries()) expect((await place.get(id, 'log.jsonl')).body['content']).toBe(`{"ts":${index}}\n`);
  });

  it('that are too long are refused', async () => {
    expect((await place.lock('é'.repeat(400), 'x')).status).toBe(400);
  });
});

describe('4: a key', () => {
  it('opens what it was granted', async () => {
    const [mine, other] = [project(), project()];
    const { token } = await place.node.mneme.tokens.add('narrow', { projects: [mine] });
    await place.lock(other, 'x');
    await place.put(other, 'log.jsonl', '{"ts":1}\n', 'x');
    expect((await place.lock(mine, 'y', { key: token })).status).toBe(200);
    expect((await place.put(mine, 'log.jsonl', '{"ts":1}\n', 'y', { key: token })).status).toBe(200);
    for (const answer of [
      await place.get(other, 'log.jsonl', { key: token }),
      await place.ask('GET', `/projects/${other}/files`, { key: token }),
      await place.ask('GET', `/projects/${other}/lock`, { key: token }),
      await place.lock(other, 'y', { key: token }),
      await place.unlock(other, 'x', { key: token }),
      await place.put(other, 'log.jsonl', '{"ts":2}\n', 'x', { key: token }),
    ])
      expect(answer).toMatchObject({ status: 403, body: { error: 'API key not granted for this project' } });
    expect((await place.get(other, 'log.jsonl')).body['content']).toBe('{"ts":1}\n');
  });

  it('lies in the store as a hash, and opens nothing once it was taken back', async () => {
    const { id, token } = await place.node.mneme.tokens.add('gone', { projects: null });
    const stored = await place.node.store.read((tx) => tx.documents.list('mneme-tokens'));
    expect(JSON.stringify(stored)).not.toContain(token.slice('mneme_'.length));
    expect((await place.ask('GET', '/projects/x/files', { key: token })).status).toBe(200);
    await place.node.mneme.tokens.remove(id);
    expect((await place.ask('GET', '/projects/x/files', { key: token })).status).toBe(403);
  });
});

describe('5: a session that is longer than its lock', () => {
  it('pushes where nobody took the lock since', async () => {
    const [a] = (await machines('a')) as [MnemeClientDouble];
    await a.pull();
    a.remember('late');
    outlive();
    expect(await a.push()).toEqual([200]);
  });

  it('has nothing to extend or to give back, and its lock is nobody’s', async () => {
    const name = project();
    await place.lock(name, 'x');
    outlive();
    expect((await place.ask('GET', `/projects/${name}/lock`)).body).toEqual({ locked: false, lock: null });
    expect(await place.ask('POST', `/projects/${name}/lock/heartbeat`, { client: 'x' })).toMatchObject({
      status: 403,
      body: { error: 'No lock to extend' },
    });
    for (const client of ['y', 'x'])
      expect((await place.unlock(name, client)).body).toEqual({ success: true, message: 'No lock to release' });
    // Who gave it back writes no more with it.
    expect((await place.put(name, 'log.jsonl', '{"ts":1}\n', 'x')).body).toEqual({ error: 'No lock held - acquire lock before writing' });
  });

  it('is refused where another took it, or gave it back, and loses nothing', async () => {
    const [a, b] = (await machines('a', 'b')) as [MnemeClientDouble, MnemeClientDouble];
    await a.pull();
    a.remember('of a');
    outlive();
    await b.pull();
    b.remember('of b');
    expect(await a.push()).toEqual([403]);
    outlive();
    expect(await b.push()).toEqual([200]);
    a.remember('more of a');
    expect(await a.push()).toEqual([403]);
    await b.pull();
    expect(b.known).toEqual(['more of a', 'of a', 'of b']);
  });
});

describe('machines that share a key', () => {
  it('lose nothing either, though reads do not say whose they are', async () => {
    const name = project();
    const now = (): number => place.node.deps.clock.now();
    const { token: key } = await place.node.mneme.tokens.add(name, { projects: null });
    const [a, b] = ['a', 'b'].map((id) => new MnemeClientDouble(place, name, { id: `${id}-${name}`, key, now })) as [
      MnemeClientDouble,
      MnemeClientDouble,
    ];
    for (const each of [a, b, a, b]) {
      await each.pull();
      each.remember(`of ${each.id}`);
      await each.push();
    }
    await a.pull();
    expect(await b.pull()).toBe(false);
    b.remember('locked out');
    await place.node.deps.clock.sleep(5);
    a.remember('later');
    expect(await a.push()).toEqual([200]);
    // Nobody holds the lock now, and what b has is older than what is there.
    expect(await b.push()).toEqual([403]);
    await b.pull();
    expect(b.known).toEqual(expect.arrayContaining(['locked out', 'later']) as unknown);
    await b.push();
    await a.pull();
    expect(a.known).toEqual(b.known);
  });
});

describe('what steers a client', () => {
  it('never takes from it what it did not push', async () => {
    const [a, b] = (await machines('a', 'b')) as [MnemeClientDouble, MnemeClientDouble];
    await a.pull();
    a.remember('first');
    await a.push();
    await b.pull();
    b.remember('of b');
    // Its process ended without a push: a crash, or the server was away.
    await a.pull();
    a.remember('of a');
    await a.push();
    await b.pull();
    expect(b.known).toEqual(['first', 'of b']);
    await b.push();
    // Nor afterwards: for all that is known, the session that never ended still writes.
    await b.pull();
    expect(b.known).toEqual(['first', 'of b']);
    await b.push();
    await a.pull();
    expect(a.known).toEqual(['first', 'of a', 'of b']);
  });

  it('does not touch a second session of the same machine', async () => {
    const [a, b] = (await machines('a', 'b')) as [MnemeClientDouble, MnemeClientDouble];
    await a.pull();
    a.remember('base');
    await a.push();
    // Two sessions share the machine's files and its id.
    await a.pull();
    await a.pull();
    a.remember('of the first');
    await a.push();
    await b.pull();
    b.remember('of b');
    await b.push();
    a.remember('of the second');
    await a.pull(); // a third begins while the second one works
    expect(a.known).toEqual(['base', 'of the first', 'of the second']);
    await a.push();
    await a.push();
    await b.pull();
    expect(b.known).toEqual(['base', 'of b', 'of the first', 'of the second']);
  });

  it.each([true, false])('does not go on with a pull once another session began: connections kept %s', async (isKept) => {
    const [name, other] = [project(), 'other'];
    const { token: key } = await place.node.mneme.tokens.add(`a-${name}`, { projects: null });
    const a = new MnemeClientDouble(place, name, { id: 'a', key, now: () => place.node.deps.clock.now() });
    const b = await machine(other, name);
    for (const each of [a, b]) {
      await each.pull();
      each.remember(`of ${each.id}`);
      await each.push();
    }
    const agent = isKept ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
    const ask = (method: string, rest: string) =>
      place.ask(method, `/projects/${name}${rest}`, {
        key,
        ...(method === 'POST' ? { client: 'a' } : {}),
        ...(agent === undefined ? {} : { agent }),
      });
    await ask('POST', '/lock');
    expect((await ask('GET', '/files')).body).toMatchObject({ files: [{ mtime: expect.stringMatching(/^9999/) as unknown }] });
    expect((await ask('GET', '/files/remembered.json')).status).toBe(200);
    await place.lock(name, 'a', { key });
    expect(await ask('GET', '/files/remembered.json')).toMatchObject({
      status: 503,
      body: { error: expect.stringContaining('Another session') as unknown },
    });
    agent?.destroy();
    expect((await place.get(name, 'remembered.json')).status).toBe(200);
  });

  it.each([-3_600_000, 3_600_000])('works whatever the client’s clock says: %d ms', async (skew) => {
    const name = project();
    const [a, b] = [await machine(`a-${name}`, name), await machine(`b-${name}`, name, skew)];
    for (let round = 0; round < 3; round += 1) {
      for (const each of [a, b]) {
        await each.pull();
        each.remember(`${each.id} ${round}`);
        await each.push();
      }
    }
    await a.pull();
    expect(a.known).toHaveLength(6);
    await a.push();
    await b.pull();
    expect(b.known).toEqual(a.known);
  });

  it.each([-3_600_000, 3_600_000])('brings 2.5 its summary.md with the summary.json that it is of: clock %d ms', async (skew) => {
    const name = project();
    const [a, b] = [await machine(`a-${name}`, name, 0, '2.5'), await machine(`b-${name}`, name, skew, '2.5')];
    for (const [round, each] of [a, b, a, b].entries()) {
      await each.pull();
      each.decide(`${round} of ${each.id}`);
      each.write('summary.md', `rendered by ${each.id}`);
      expect(await each.push()).toEqual([200, 200]);
    }
    await a.pull();
    expect(a.read('summary.md')).toContain(`3 of b-${name}`);
    // Where what it has was not pushed, none of the two is touched.
    a.decide('not pushed');
    a.write('summary.md', 'not pushed');
    await b.pull();
    b.decide('later');
    await b.push();
    await a.pull();
    expect(a.read('summary.md')).toBe('not pushed');
    expect(await a.push()).toEqual([200, 200]);
    await b.pull();
    expect(b.decisions).toEqual([...new Set([...a.decisions, 'later'])].toSorted());
    for (const decision of b.decisions) expect(b.read('summary.md')).toContain(decision);
  });
});
