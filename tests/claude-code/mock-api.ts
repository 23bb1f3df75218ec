import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** What a request said, as far as tests look at it. */
export interface ApiRequest {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

/** A stand-in for the model: answers each request with the next number, and remembers what it was asked. */
export interface MockApi {
  readonly url: string;
  readonly requests: ApiRequest[];
  close(): Promise<void>;
}

export async function startMockApi(): Promise<MockApi> {
  const requests: ApiRequest[] = [];
  const server = createServer((request, response) => {
    void answer(request, response, requests);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close: () => closeServer(server) };
}

async function answer(request: IncomingMessage, response: ServerResponse, requests: ApiRequest[]): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  if (request.method !== 'POST' || !/^\/v1\/messages(\?|$)/.test(request.url ?? '')) {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    return;
  }
  const body = JSON.parse(Buffer.concat(parts).toString()) as ApiRequest & { readonly model: string; readonly stream?: boolean };
  requests.push(body);
  const text = `answer ${requests.length}`;
  const usage = { input_tokens: 5, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { id: `msg_${requests.length}`, type: 'message', role: 'assistant', model: body.model, stop_sequence: null, usage };
  if (body.stream !== true) {
    const whole = { ...message, content: [{ type: 'text', text }], stop_reason: 'end_turn' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  send('message_start', { message: { ...message, content: [], stop_reason: null } });
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
  send('content_block_stop', { index: 0 });
  send('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } });
  send('message_stop', {});
  response.end();
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
