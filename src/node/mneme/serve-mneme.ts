import type { ServerResponse } from 'node:http';
import type { TokenBook } from '../../core/token-book.ts';
import { createKeys, type Grant } from '../../gateways/mneme/keys.ts';
import { createMnemeGateway } from '../../gateways/mneme/mneme-gateway.ts';
import { createMnemeRoutes } from '../../gateways/mneme/routes.ts';
import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import { ERROR_STATUS } from '../../gateways/native/api-error.ts';
import { DEFAULT_LIMITS } from '../../gateways/native/limits.ts';
import { listenWith, type Listener, type ListenerDialect } from '../../gateways/native/listener.ts';
import type { SatchelNode } from '../node.ts';
import type { MnemeSettings } from './settings.ts';

export interface ServedMneme {
  readonly address: string;
  readonly settings: MnemeSettings;
  close(): Promise<void>;
}

/** Clients wait 10 s at most. */
const REQUEST_TIMEOUT = 30_000;

/** Serves mneme's clients at a port of its own, since they drop what comes behind it in an address. Throws where it cannot listen. */
export async function serveMneme(
  node: SatchelNode,
  settings: MnemeSettings,
  { tokens, spaces }: { readonly tokens: TokenBook<Grant>; readonly spaces: ProjectSpaces },
): Promise<ServedMneme> {
  const { clock, random } = node.deps;
  const gateway = createMnemeGateway({ store: node.store, clock, spaces, lockLifetime: settings.lockLifetime });
  const routes = createMnemeRoutes({
    gateway,
    spaces,
    keys: createKeys({ tokens, written: settings.apiKeys }),
    onFailure: (error) => node.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'the mneme gateway failed'),
  });
  const rate = settings.requestsPerMinute;
  let listener: Listener;
  try {
    listener = await listenWith(
      {
        serve: routes,
        limits: { ...DEFAULT_LIMITS, requests: { burst: rate, perSecond: rate / 60 }, requestTimeout: REQUEST_TIMEOUT },
        clock,
        random,
        log: node.log,
        dialect: dialectFor(settings),
      },
      {
        host: settings.host,
        port: settings.port,
        names: node.config.names,
        origins: settings.origins,
        proxies: settings.proxies,
        publishedOnLoopback: settings.publishedOnLoopback,
        takesChunked: true,
      },
    );
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return {
    address: listener.address,
    settings,
    async close() {
      await listener.close();
      await gateway.close();
    },
  };
}

function dialectFor({ origins }: MnemeSettings): ListenerDialect {
  return {
    answersFirst(request, response) {
      allowOrigin(response, request.headers.origin, origins);
      if (request.method !== 'OPTIONS') return false;
      response.writeHead(204).end();
      return true;
    },
    refusal: (error) => ({
      status: ERROR_STATUS[error.code],
      body: { error: error.code === 'too-many-requests' ? 'Too many requests' : error.message },
    }),
  };
}

function allowOrigin(response: ServerResponse, origin: string | undefined, allowed: readonly string[]): void {
  if (origin === undefined || !(allowed.includes('*') || allowed.includes(origin))) return;
  response.setHeader('access-control-allow-origin', allowed.includes('*') ? '*' : origin);
  if (!allowed.includes('*')) response.setHeader('vary', 'Origin');
  response.setHeader('access-control-allow-methods', 'GET, POST, PUT, DELETE, OPTIONS');
  response.setHeader('access-control-allow-headers', 'Content-Type, Authorization, X-Client-Id');
}
