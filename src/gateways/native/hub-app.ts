import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { SigningKey } from '../../core/crypto/signing.ts';
import type { MachineId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Remote } from '../../core/ports/remote.ts';
import type { StoreUnavailable } from '../../core/ports/store.ts';
import type { StoredToken } from './api-tokens.ts';
import type { HubAuthority } from './authority.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { HubServerLimits } from './limits.ts';
import type { Admitted } from './admitted.ts';
import type { RequestWatch } from './answered.ts';
import type { MetricsSource } from './metrics-route.ts';
import type { Sessions } from './sessions.ts';
import type { UpgradeHandler } from './upgrade.ts';

export type HubLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * `bucket`: where encrypted bodies are. `some-bodies`: those of spaces of which this hub cannot read what the bucket says. `room`: for
 * anything new.
 */
export type HubPart = 'bucket' | 'some-bodies' | 'room';

export interface HubServerDeps {
  /** What this hub serves: the remote on its own store. Not closed with the server. */
  readonly remote: Remote;
  readonly authority: HubAuthority;
  /** The hub's own key, which nodes pin. */
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: HubLog;
  /** Tokens for the routes under /v1/node, asked at every request there. */
  readonly tokens: () => Promise<readonly StoredToken[]>;
  /** Touches the store; throws where it does not answer, or refuses: an `ApiError` in words for everybody. */
  readonly health: () => Promise<void>;
  /** What is away, as was seen last, and without which the hub serves all the same, though not everything. */
  readonly away?: () => readonly HubPart[];
  /** Told of what a request failed with. That there was no room for what it brought, or `null` where it was something else. */
  readonly noRoom?: (error: unknown) => StoreUnavailable | null;
  /** Shown at /v1/hub and in the OpenAPI document. */
  readonly version: string;
  readonly limits?: Partial<HubServerLimits>;
  /** Served at /metrics; absent: there is no such route. */
  readonly metrics?: MetricsSource;
  readonly requests?: RequestWatch;
  /** Adds routes. Those under /v1/node need a token, others under /v1 a session. */
  readonly routes?: (app: HubApp) => void;
  /** Takes connections that ask for another protocol. */
  readonly upgrade?: UpgradeHandler;
}

export interface HubEnv {
  Bindings: HttpBindings & Admitted;
  Variables: {
    /** Who proved its key: on all routes under /v1 that need a session. */
    machine: MachineId;
  };
}

export type HubApp = OpenAPIHono<HubEnv>;
export type HubContext = Context<HubEnv>;

/** What the routes work with. */
export interface RouteDeps {
  readonly remote: Remote;
  readonly authority: HubAuthority;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly log: HubLog;
  readonly sessions: Sessions;
  readonly budget: ByteBudget;
  readonly limits: HubServerLimits;
}
