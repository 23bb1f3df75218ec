import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export interface MemoryServer {
  readonly url: string;
  close(): Promise<void>;
}

/** What speaks claude-mem's sync protocol with the least that a client is content with: it checks nothing, and remembers until it ends. */
export async function startMemoryServer(): Promise<MemoryServer> {
  const ops: { readonly body: string; readonly operation_sha256: string; readonly server_ts: string }[] = [];
  const head = (): string => String(ops.length);
  const answer = async (request: IncomingMessage): Promise<unknown> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/v1/sync/ops') {
      const pushed = JSON.parse(await textOf(request)) as { readonly ops: { readonly body: string; readonly operation_sha256: string }[] };
      const acked = pushed.ops.map((op) => {
        ops.push({ ...op, server_ts: String(Date.now()) });
        const { id, kind, origin_local_id, entity_rev } = JSON.parse(op.body) as Record<string, unknown>;
        return { id, kind, origin_local_id, entity_rev, operation_sha256: op.operation_sha256, seq: head() };
      });
      return { acked, head_seq: head(), projected_seq: head() };
    }
    const shared = { protocol_version: 2, epoch: '1', head_seq: head() };
    if (url.pathname === '/v1/sync/status') return { ...shared, projected_seq: head(), op_count: ops.length, device_count: 1 };
    const since = Number(url.searchParams.get('since') ?? '0');
    const page = ops.slice(since, since + 500).map((op, index) => ({ seq: String(since + index + 1), ...op }));
    return { ...shared, ops: page, more: since + page.length < ops.length };
  };
  const server = createServer((request, response) => {
    void answer(request).then((body) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body)));
  });
  const sockets = new WebSocketServer({ server });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString();
}
