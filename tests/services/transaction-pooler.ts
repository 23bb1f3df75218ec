import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A double of a pooler in transaction mode (PgBouncer, Supavisor) before a PostgreSQL server: between transactions clients get each
 * other's connections, so that nothing of a session stays theirs, and notifications are passed on to nobody.
 */
export interface TransactionPooler {
  readonly port: number;
  /** How often two clients changed connections. */
  readonly swaps: () => number;
  close(): Promise<void>;
}

interface Side {
  client: Socket;
  server: Server;
  /** The server said that it is in no transaction, and the client asked nothing since. */
  isIdle: boolean;
}

interface Server {
  readonly socket: Socket;
  /** What came of a message that is not whole yet. */
  rest: Buffer;
  side: Side | null;
}

const READY = 'Z'.charCodeAt(0);
const NOTIFICATION = 'A'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);

export async function startTransactionPooler(target: { readonly host: string; readonly port: number }): Promise<TransactionPooler> {
  const sides = new Set<Side>();
  const sockets = new Set<Socket>();
  let swapped = 0;

  function swapWithAnother(side: Side): void {
    const other = [...sides].find((each) => each !== side && each.isIdle);
    if (other === undefined) return;
    [side.server, other.server] = [other.server, side.server];
    side.server.side = side;
    other.server.side = other;
    swapped += 1;
    // The one that waited longest is next: all of them come around.
    sides.delete(other);
    sides.add(other);
  }

  function take(server: Server, part: Buffer): void {
    let bytes = Buffer.concat([server.rest, part]);
    while (bytes.length >= 5 && bytes.length >= 1 + bytes.readUInt32BE(1)) {
      const length = 1 + bytes.readUInt32BE(1);
      const message = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      const { side } = server;
      if (message[0] === NOTIFICATION || side === null) continue;
      side.client.write(message);
      if (message[0] === READY && message[5] === IDLE) {
        side.isIdle = true;
        swapWithAnother(side);
      }
    }
    server.rest = Buffer.from(bytes);
  }

  const listener = createServer((client) => {
    const socket = connect(target);
    const server: Server = { socket, rest: Buffer.alloc(0), side: null };
    const side: Side = { client, server, isIdle: false };
    server.side = side;
    sides.add(side);
    for (const each of [client, socket]) {
      each.setNoDelay(true);
      sockets.add(each);
      each.on('error', () => each.destroy());
      each.once('close', () => sockets.delete(each));
    }
    socket.on('data', (part: Buffer) => take(server, part));
    socket.once('close', () => server.side?.client.destroy());
    client.on('data', (part: Buffer) => {
      side.isIdle = false;
      side.server.socket.write(part);
    });
    client.once('close', () => {
      sides.delete(side);
      side.server.side = null;
      side.server.socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    swaps: () => swapped,
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
