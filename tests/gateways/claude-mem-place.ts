import type { Store } from '../../src/core/ports/store.ts';
import type { BodyLimits } from '../../src/gateways/claude-mem/body-budget.ts';
import type { HubServerLimits } from '../../src/gateways/native/limits.ts';
import { createClients, type Clients } from '../../src/gateways/claude-mem/clients.ts';
import type { ClaudeMemGateway } from '../../src/gateways/claude-mem/gateway.ts';
import { createSyncFeeds } from '../../src/gateways/claude-mem/sync-feed.ts';
import { serveClaudeMem } from '../../src/node/claude-mem/serve-claude-mem.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { TestClock } from '../contracts/test-clock.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { askGateway, createSyncClient, type Answer, type SyncClient } from './claude-mem-client.ts';
import { random, startHub } from './native-place.ts';

/** A gateway on loopback, over a store in memory. */
export interface GatewayPlace {
  readonly url: string;
  readonly port: number;
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

export interface GatewayOptions {
  readonly deviceLimit?: number;
  readonly store?: Store;
  readonly bodyLimits?: BodyLimits;
  /** Of the listener. */
  readonly limits?: Partial<HubServerLimits>;
  /** Addresses of proxies before it. */
  readonly proxies?: readonly string[];
}

export async function startGateway(options: GatewayOptions = {}): Promise<GatewayPlace> {
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
  const feeds = createSyncFeeds({ store, clock });
  const { bodyLimits, limits } = options;
  const { gateway, routes, upgrade } = await serveClaudeMem({
    feeds,
    clock,
    clients,
    log,
    ...(bodyLimits === undefined ? {} : { bodyLimits }),
  });
  const hub = await startHub({
    listen: options.proxies === undefined ? {} : { proxies: options.proxies },
    deps: { routes, upgrade, ...(limits === undefined ? {} : { limits }) },
  });
  const url = `${hub.url}/claude-mem`;
  const tokens = new Map<string, string>();

  return {
    url,
    port: hub.listener.port,
    store,
    clients,
    gateway,
    clock,
    logged,
    get: (path, headers) => askGateway(url + path, { headers }),
    async client(user, device) {
      const token = tokens.get(user) ?? (await clients.addToken(user, '')).token;
      tokens.set(user, token);
      return createSyncClient({ url, token, user, device });
    },
    async close() {
      gateway.close();
      await hub.close();
      await store.close();
    },
  };
}
