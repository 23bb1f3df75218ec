import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeHome, prepareHome } from '../../src/node/home.ts';
import { lockNode } from '../../src/node/node-lock.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSystemClock } from '../../src/node/system.ts';
import { runHere } from '../e2e/run-here.ts';
import { Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

describe('an operation that says nothing for longer than a connection may be silent', () => {
  /** A running node whose syncs take as long as `work`. */
  async function startSlow(work: () => Promise<void>): Promise<SatchelNode> {
    const node = await place.start('a', { limits: { idleTimeout: 200 } });
    for (const { runner } of node.spaces.values()) {
      const inTime = runner.syncAround.bind(runner);
      runner.syncAround = async (...given) => {
        await work();
        return inTime(...given);
      };
    }
    return node;
  }

  async function post(node: SatchelNode, signal?: AbortSignal): Promise<{ readonly status: number; readonly lines: readonly object[] }> {
    const token = (await readFile(node.home.token, 'utf8')).trim();
    const answer = await fetch(`${node.address}/v1/node/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      lines: text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    };
  }

  it('is answered all the same, with lines that say that it goes on', async () => {
    const node = await startSlow(() => sleep(1_000));
    const { status, lines } = await post(node);
    expect(status).toBe(200);
    expect(lines.length).toBeGreaterThan(1);
    expect(new Set(lines.slice(0, -1).map((line) => JSON.stringify(line)))).toEqual(new Set(['{"working":true}']));
    expect(lines.at(-1)).toMatchObject({ result: { spaces: [{ name: 'personal' }] } });
  });

  it('is answered although the node itself stood still for as long', async () => {
    const node = await startSlow(async () => {
      for (let time = 0; time < 5; time += 1) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
        await sleep(20);
      }
    });
    const { status, lines } = await post(node);
    expect([status, lines.at(-1)]).toEqual([200, { result: expect.anything() as unknown }]);
  });

  it('and fails then says so in its last line', async () => {
    const node = await startSlow(async () => {
      await sleep(1_000);
      throw new Error('as a test wants it');
    });
    const { status, lines } = await post(node);
    expect(status).toBe(200);
    expect(lines.at(-1)).toMatchObject({ failure: { kind: 'failed', type: 'bug' } });
  });

  it('shows commands its result alone', async () => {
    await startSlow(() => sleep(1_000));
    const { code, stdout, stderr } = await runHere(['sync', '--json'], place.home('a'));
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ spaces: [{ name: 'personal' }] });
  });

  it('goes on to its end where the one who asked is gone', async () => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const leaving = new AbortController();
    const node = await startSlow(async () => {
      leaving.abort();
      await sleep(300);
      end();
    });
    await expect(post(node, leaving.signal)).rejects.toThrow('abort');
    await ended;
  });
});

describe('a command whose connection to the node is cut', () => {
  let server: Server | null = null;
  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
    server = null;
  });

  /** Answers in a node's place, which is process `pid`, and says what the command `args` made of it. */
  async function askCut(pid: number, answer: (response: ServerResponse) => void, args: readonly string[] = ['sync']) {
    const home = nodeHome(`${place.home('a')}/.satchel`);
    await prepareHome(home);
    const listening = createServer((request, response) => {
      request.resume();
      answer(response);
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as AddressInfo;
    await writeFile(home.running, JSON.stringify({ pid, address: `http://127.0.0.1:${port}` }), { mode: 0o600 });
    await writeFile(home.token, 'token_of_a_test', { mode: 0o600 });
    return runHere(args, place.home('a'));
  }

  const inTheMidst = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write('{"working":true}\n', () => response.destroy());
  };
  const beforeAnyAnswer = (response: ServerResponse): void => void response.destroy();

  it('in the midst of the answer says that the node goes on with it', async () => {
    const { code, stderr } = await askCut(process.pid, inTheMidst);
    expect(code).toBe(1);
    expect(stderr).toContain('the connection to the node was cut before its answer');
    expect(stderr).toContain('goes on with what was asked');
    expect(stderr).not.toMatch(/aborted|ECONNRESET|bug/);
  });

  it('says that what waits or copies ended with it', async () => {
    const { stderr } = await askCut(process.pid, inTheMidst, ['store', 'backup', `${place.root}/b.age`]);
    expect(stderr).toContain('the connection to the node was cut before its answer');
    expect(stderr).toContain('was given up');
  });

  it('before the answer says the same, where the node runs', async () => {
    const home = nodeHome(`${place.home('a')}/.satchel`);
    await prepareHome(home);
    const lock = await lockNode(home, 'up', createSystemClock());
    await mkdir(home.keys, { recursive: true });
    await writeFile(`${home.keys}/machine.json`, '');
    const { code, stderr } = await askCut(process.pid, beforeAnyAnswer);
    lock.release();
    expect(code).toBe(1);
    expect(stderr).toContain('the connection to the node was cut before its answer');
    expect(stderr).toContain('goes on with what was asked');
  });

  it('by the end of the node says that', async () => {
    const { code, stderr } = await askCut(spawnSync(process.execPath, ['-e', '']).pid, inTheMidst);
    expect(code).toBe(1);
    expect(stderr).toContain('the node ended before it answered');
  });
});
