import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/ports/clock.ts';
import type { BodyLimits } from './body-budget.ts';
import type { Clients } from './clients.ts';
import { createSyncApp, type SyncApp } from './routes.ts';
import { createSyncSockets, type SyncSockets } from './sockets.ts';
import type { SpaceServed } from './space-served.ts';
import type { SyncFeeds } from './sync-feed.ts';

export interface ClaudeMemGatewayDeps {
  readonly clock: Clock;
  readonly clients: Clients;
  readonly feeds: SyncFeeds;
  readonly onFailure: (error: unknown) => void;
  readonly bodyLimits?: BodyLimits;
}

export interface ClaudeMemGateway extends Pick<SyncSockets, 'users' | 'catchUp'> {
  /** To be mounted at a prefix. */
  readonly app: SyncApp;
  /** For upgrades of `…/v1/sync/ws`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Which space is behind a user's feed from now on, and how much of it is served: for whoever asks for the status. Gives back what ends it. */
  tellServed(user: string, look: () => Promise<SpaceServed>): () => void;
  /** What a device of a user's waits for from now on before it is told what the feed holds. Gives back what ends it. */
  holdPulls(user: string, untilReady: (device: string) => Promise<void>): () => void;
  close(): void;
}

/** Serves claude-mem's cloud-sync protocol, so that its workers sync through this node. One object a store. */
export function createClaudeMemGateway(deps: ClaudeMemGatewayDeps): ClaudeMemGateway {
  const sockets = createSyncSockets(deps);
  const looks = new Map<string, () => Promise<SpaceServed>>();
  const holds = new Map<string, (device: string) => Promise<void>>();
  const app = createSyncApp({
    ...deps,
    onPulled: (caller, number) => sockets.pulled(caller, number),
    untilReady: async ({ user, device }) => holds.get(user)?.(device),
    servedOf: async (user) => (await looks.get(user)?.()) ?? null,
  });
  return {
    app,
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
    users: () => sockets.users(),
    catchUp: (user) => sockets.catchUp(user),
    tellServed: (user, look) => held(looks, user, look),
    holdPulls: (user, untilReady) => held(holds, user, untilReady),
    close: () => sockets.close(),
  };
}

/** For a user, until what it gives back is called. */
function held<T>(map: Map<string, T>, user: string, value: T): () => void {
  map.set(user, value);
  return () => {
    if (map.get(user) === value) map.delete(user);
  };
}
