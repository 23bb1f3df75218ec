import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Store } from '../../src/core/ports/store.ts';
import { createClients, type Clients } from '../../src/gateways/claude-mem/clients.ts';
import type { ClaudeMemGateway } from '../../src/gateways/claude-mem/gateway.ts';
import { serveClaudeMem } from '../../src/node/claude-mem/serve-claude-mem.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { TestClock } from '../contracts/test-clock.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random, startHub } from './native-place.ts';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A client of the protocol that does what it is told. */
export interface SyncClient {
  readonly device: string;
  push(ops: readonly unknown[]): Promise<Answer>;
  send(body: string, headers?: Record<string, string>): Promise<Answer>;
  changes(since?: string, limit?: string): Promise<Answer>;
  status(): Promise<Answer>;
  /** An open socket, whose frames are kept. */
  socket(): Promise<{ readonly socket: WebSocket; readonly frames: string[] }>;
}

/** A gateway on loopback, over a store in memory. */
export interface GatewayPlace {
  readonly url: string;
  readonly store: Store;
  readonly clients: Clients;
  readonly gateway: ClaudeMemGateway;
  readonly clock: TestClock;
  /** What the node logged, as lines of JSON. */
  readonly logged: string[];
  client(user: string, device: string): Promise<SyncClient>;
  get(path: string, headers: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export async function startGateway(options: { readonly deviceLimit?: number; readonly store?: Store } = {}): Promise<GatewayPlace> {
  const store = options.store ?? (await createSqliteStore({ path: ':memory:' }));
  const clock = createTestClock();
  const clients = createClients({ store, clock, random, deviceLimit: options.deviceLimit ?? 64 });
  const logged: string[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (details: unknown) => void logged.push(JSON.stringify(details)),
  };
  const { gateway, routes, upgrade } = await serveClaudeMem({ store, clock, clients, log });
  const hub = await startHub({ deps: { routes, upgrade } });
  const url = `${hub.url}/claude-mem`;
  const tokens = new Map<string, string>();
  const sockets: WebSocket[] = [];

  async function ask(path: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(url + path, init);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  return {
    url,
    store,
    clients,
    gateway,
    clock,
    logged,
    get: (path, headers) => ask(path, { headers }),
    async client(user, device) {
      const token = tokens.get(user) ?? (await clients.addToken(user, '')).token;
      tokens.set(user, token);
      const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': device };
      const send = (body: string, more: Record<string, string> = {}): Promise<Answer> =>
        ask('/v1/sync/ops', { method: 'POST', headers: { ...headers, 'content-type': 'application/json', ...more }, body });
      return {
        device,
        send,
        push: (ops) => send(JSON.stringify({ protocol_version: 2, ops })),
        changes: (since = '0', limit = '500') => ask(`/v1/sync/changes?since=${since}&limit=${limit}`, { headers }),
        status: () => ask('/v1/sync/status', { headers }),
        async socket() {
          const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/sync/ws`, { headers });
          const frames: string[] = [];
          socket.on('message', (data, isBinary) => void frames.push(isBinary ? 'binary' : (data as Buffer).toString()));
          sockets.push(socket);
          await once(socket, 'open');
          return { socket, frames };
        },
      };
    },
    async close() {
      for (const socket of sockets) socket.terminate();
      gateway.close();
      await hub.close();
      await store.close();
    },
  };
}
