import { Agent, request as httpRequest } from 'node:http';
import { createSeededRandom } from '../seeded-random.ts';

export interface Target {
  readonly port: number;
  readonly key: string;
}

export interface Driven {
  readonly requests: number;
  readonly perSecond: number;
  readonly errors: number;
  /** Milliseconds that one of two, and 95 of 100 answers took at most. */
  readonly p50: number;
  readonly p95: number;
}

const LINES = 30;

/** A client's log, as it is after so many entries: the newest of them, each some 200 bytes. */
export function logAt(client: number, entries: number): string {
  const lines: string[] = [];
  for (let entry = Math.max(0, entries - LINES); entry < entries; entry += 1) {
    const random = createSeededRandom(client * 1_000_003 + entry);
    const words = Array.from({ length: 18 }, () => random.int(0, 36 ** 6).toString(36)).join(' ');
    lines.push(JSON.stringify({ ts: new Date(1_750_000_000_000 + entry * 60_000).toISOString(), type: 'response', content: words }));
  }
  return `${lines.join('\n')}\n`;
}

/** So many clients, each with a project and a connection of its own, one request after the other for so long. */
export async function drive(target: Target, clients: number, seconds: number, what: 'put' | 'get' | 'both', from = LINES): Promise<Driven> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const times: number[] = [];
  let errors = 0;
  const until = performance.now() + seconds * 1_000;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let round = 0; performance.now() < until; round += 1) {
        const isPut = what === 'put' || (what === 'both' && round % 2 === 0);
        const started = performance.now();
        const body = isPut ? JSON.stringify({ content: logAt(client, from + round) }) : undefined;
        const status = await ask(target, agent, isPut ? 'PUT' : 'GET', `/projects/bench-${client}/files/log.jsonl`, client, body).catch(
          () => 0,
        );
        if (status !== 200) errors += 1;
        times.push(performance.now() - started);
      }
    }),
  );
  const took = (performance.now() - began) / 1_000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
  return { requests: times.length, perSecond: Math.round(times.length / took), errors, p50: at(0.5), p95: at(0.95) };
}

/** Takes the locks, and puts something there. */
export async function prepare(target: Target, clients: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  for (let client = 0; client < clients; client += 1) {
    await ask(target, agent, 'POST', `/projects/bench-${client}/lock`, client);
    await ask(target, agent, 'PUT', `/projects/bench-${client}/files/log.jsonl`, client, JSON.stringify({ content: logAt(client, LINES) }));
  }
  agent.destroy();
}

function ask({ port, key }: Target, agent: Agent, method: string, path: string, client: number, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, ...(method === 'GET' ? {} : { 'x-client-id': `client-${client}` }) };
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => {
      response.on('error', reject);
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    sent.on('error', reject);
    if (body !== undefined) sent.write(body);
    sent.end();
  });
}
