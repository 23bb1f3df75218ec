import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/ports/clock.ts';
import type { BodyLimits } from './body-budget.ts';
import type { Clients } from './clients.ts';
import { createSyncApp, type SyncApp } from './routes.ts';
import { createSyncSockets, type SyncSockets } from './sockets.ts';
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
  close(): void;
}

/** Serves claude-mem's cloud-sync protocol, so that its workers sync through this node. One object a store. */
export function createClaudeMemGateway(deps: ClaudeMemGatewayDeps): ClaudeMemGateway {
  const sockets = createSyncSockets(deps);
  const app = createSyncApp({ ...deps, onPulled: (caller, number) => sockets.pulled(caller, number) });
  return {
    app,
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
    users: () => sockets.users(),
    catchUp: (user) => sockets.catchUp(user),
    close: () => sockets.close(),
  };
}
