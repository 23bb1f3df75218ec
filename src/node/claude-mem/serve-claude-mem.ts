import type { BodyLimits } from '../../gateways/claude-mem/body-budget.ts';
import type { ClaudeMemGateway } from '../../gateways/claude-mem/gateway.ts';
import type { HubApp, HubLog } from '../../gateways/native/hub-app.ts';
import type { UpgradeHandler } from '../../gateways/native/upgrade.ts';
import type { Clients } from '../../gateways/claude-mem/clients.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { CLAUDE_MEM_PREFIX } from './prefix.ts';
import type { SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';

export interface ServeClaudeMemDeps {
  readonly feeds: SyncFeeds;
  readonly clock: Clock;
  readonly clients: Clients;
  readonly log: HubLog;
  readonly bodyLimits?: BodyLimits;
}

/** The gateway, for the listener of a node. Nobody gets past it without a token of a user's. */
export async function serveClaudeMem({ feeds, clock, clients, log, bodyLimits }: ServeClaudeMemDeps): Promise<{
  readonly gateway: ClaudeMemGateway;
  readonly routes: (app: HubApp) => void;
  readonly upgrade: UpgradeHandler;
}> {
  const { createClaudeMemGateway } = await import('../../gateways/claude-mem/gateway.ts'); // commands do not serve
  const onFailure = (error: unknown): void =>
    log.error({ error: error instanceof Error ? error.stack : String(error) }, 'the claude-mem gateway failed');
  const gateway = createClaudeMemGateway({ feeds, clock, clients, onFailure, ...(bodyLimits === undefined ? {} : { bodyLimits }) });
  return {
    gateway,
    routes: (app) => void app.route(CLAUDE_MEM_PREFIX, gateway.app),
    upgrade: (request, socket, head) => {
      if (new URL(request.url ?? '/', 'http://localhost').pathname !== `${CLAUDE_MEM_PREFIX}/v1/sync/ws`) return false;
      gateway.upgrade(request, socket, head).catch(onFailure);
      return true;
    },
  };
}
