import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { startGateway, type GatewayPlace } from './claude-mem-place.ts';

interface Exchange {
  readonly type: string;
  readonly request: { readonly method: string; readonly url: string; readonly headers: Record<string, string>; readonly body?: unknown };
  readonly response: { readonly status: number; readonly body: Record<string, unknown> };
}

const FIXTURES = new URL('../fixtures/claude-mem-sync/', import.meta.url);
let place: GatewayPlace | null = null;

afterEach(async () => {
  await place?.close();
  place = null;
});

/** What differs from run to run. */
function settled({ body }: { readonly body: Record<string, unknown> }): unknown {
  const ops = (body['ops'] as Record<string, unknown>[] | undefined)?.map((op) => ({ ...op, server_ts: '…' }));
  return { ...body, ...('epoch' in body ? { epoch: '…' } : {}), ...(ops === undefined ? {} : { ops }) };
}

it.each([
  ['through a node', 'exchanges.json'],
  ['through a hub that was away while they saved, deleted and titled', 'exchanges-hub.json'],
])('answers what real clients asked (13.25.3 and 13.12.2) as it did when they synced %s', async (_, file) => {
  place = await startGateway();
  const { exchanges } = JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as { exchanges: Exchange[] };
  const http = exchanges.filter((exchange) => exchange.type === 'http');
  expect(http.filter(({ request }) => request.method === 'POST').length).toBeGreaterThan(5);
  for (const { request, response } of http) {
    const client = await place.client('rec', request.headers['x-device-id'] ?? '');
    const query = new URL(request.url, 'http://localhost').searchParams;
    const answer =
      request.method === 'POST'
        ? await client.send(JSON.stringify(request.body))
        : request.url.includes('changes')
          ? await client.changes(query.get('since') ?? '', query.get('limit') ?? '')
          : await client.status();
    expect(answer.status).toBe(response.status);
    expect(settled(answer)).toEqual(settled(response));
  }
});
