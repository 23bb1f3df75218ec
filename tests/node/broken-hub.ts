import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What listens where a hub was. */
export interface BrokenHub {
  readonly port: number;
  /** Requests, or connections where no request is read. */
  readonly heard: () => number;
  close(): Promise<void>;
}

type Manner = 'silent' | 'half' | 'garbage' | ((request: IncomingMessage, response: ServerResponse) => void);

/**
 * A hub that takes connections and then never answers (`silent`), begins an answer and never ends it (`half`), speaks
 * no HTTP (`garbage`), or answers as told.
 */
export async function startBrokenHub(port: number, manner: Manner): Promise<BrokenHub> {
  let heard = 0;
  const sockets = new Set<Socket>();
  const server: Server =
    typeof manner === 'string'
      ? createTcpServer((socket) => {
          heard += 1;
          socket.on('error', () => undefined); // the other end went away
          if (manner === 'half') socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{"hub":');
          if (manner === 'garbage') socket.end(Buffer.from([...Array(2_000).keys()].map((index) => (index * 37) % 256)));
          socket.resume();
        })
      : createServer((request, response) => {
          heard += 1;
          request.resume();
          manner(request, response);
        });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
