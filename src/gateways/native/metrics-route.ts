import { ApiError } from './api-error.ts';
import { findApiToken, type StoredToken } from './api-tokens.ts';
import type { HubApp } from './hub-app.ts';

/** What a hub tells of itself to those who measure it. */
export interface MetricsSource {
  /** Tokens for this route. One of another scope opens it no more than one of these opens anything else. */
  readonly tokens: readonly StoredToken[];
  /** Prometheus' text format. */
  readonly render: () => Promise<string>;
}

/** `GET /metrics`, where it was asked for. Even on loopback it needs its token: other users and web pages get there too. */
export function addMetricsRoute(app: HubApp, { tokens, render }: MetricsSource): void {
  app.get('/metrics', async (c) => {
    const [scheme, bearer = ''] = (c.req.header('authorization') ?? '').split(' ');
    const found = scheme?.toLowerCase() === 'bearer' ? findApiToken(bearer, tokens) : null;
    if (found === null) throw new ApiError('unauthenticated', 'this route needs its token as Authorization: Bearer');
    if (!found.scopes.includes('metrics:read')) throw new ApiError('forbidden', 'this token is for other routes');
    return c.body(await render(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
}
