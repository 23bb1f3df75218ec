import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { MnemePlace } from './mneme-place.ts';

interface Exchange {
  readonly process: number;
  readonly machine: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly response: { readonly status: number; readonly body: unknown };
}

const fixture = (name: string): URL => new URL(`../fixtures/mneme-sync/${name}`, import.meta.url);
let place: MnemePlace | null = null;

afterEach(async () => {
  await place?.close();
  place = null;
});

/** Times of the day differ from run to run; those that steer do not. */
function settled(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (key, value: unknown) =>
      /^(?:acquiredAt|expiresAt|mtime)$/.test(key) && typeof value === 'string' && !/^(?:1970|9999)/.test(value) ? '…' : value,
    ),
  );
}

it.each(['exchanges.json', 'exchanges-2.5.json'])('answers what the real client asked as it did when that synced: %s', async (name) => {
  place = await MnemePlace.create();
  const { exchanges } = JSON.parse(readFileSync(fixture(name), 'utf8')) as { exchanges: Exchange[] };
  expect(exchanges.filter(({ request }) => request.method === 'PUT').length).toBeGreaterThan(10);
  const keys = new Map<string, string>();
  let agent = new Agent();
  let running = 0;
  for (const { process, machine, request, response } of exchanges) {
    const key = keys.get(machine) ?? (await place.node.mneme.tokens.add(machine, { projects: null })).token;
    keys.set(machine, key);
    if (process !== running) {
      agent.destroy();
      // The process before has ended by then.
      await place.node.deps.clock.sleep(20);
      agent = new Agent({ keepAlive: true, maxSockets: 1 });
      running = process;
    }
    const { Authorization: _, ...headers } = request.headers;
    const body = request.body === undefined ? {} : { body: request.body };
    const answer = await place.ask(request.method, request.url, { key, agent, headers, ...body });
    const asked = `${request.method} ${request.url} of process ${process}`;
    expect({ asked, status: answer.status, body: settled(answer.body) }).toEqual({
      asked,
      status: response.status,
      body: settled(response.body),
    });
  }
  agent.destroy();
});
