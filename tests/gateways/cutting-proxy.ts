import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/**
 * What becomes of a request: it is passed on, cut off before it gets to the hub or when the hub has answered, or answered by the
 * proxy itself.
 */
export type Fate = 'pass' | 'cut-before' | 'cut-after' | { readonly status: number; readonly body?: string };

/** A proxy before one hub, which does to each request what it is told. */
export interface CuttingProxy {
  readonly url: string;
  /** Method and path of all that came. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startCuttingProxy(hubPort: number, fateOf: (asked: string) => Fate): Promise<CuttingProxy> {
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    asked.push(line);
    const fate = fateOf(line);
    if (fate === 'cut-before') return void incoming.socket.resetAndDestroy();
    if (typeof fate === 'object') return answer(outgoing, fate.status, fate.body ?? '<html>Bad Gateway</html>');
    const passed = request({ port: hubPort, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answered) => {
      if (fate === 'cut-after') return void answered.resume().once('end', () => incoming.socket.resetAndDestroy());
      outgoing.writeHead(answered.statusCode ?? 0, answered.headers);
      answered.pipe(outgoing);
    });
    passed.on('error', () => answer(outgoing, 502, '<html>Bad Gateway</html>'));
    incoming.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, { 'content-type': body.startsWith('<') ? 'text/html' : 'application/json' });
  outgoing.end(body);
}
