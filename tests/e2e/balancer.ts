import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What stands before several hubs: each connection goes to the next of them that answers. */
export interface Balancer {
  readonly port: number;
  /** The ports of the hubs. */
  targets: readonly number[];
  /** Connections that each port got. */
  readonly taken: ReadonlyMap<number, number>;
  close(): Promise<void>;
}

export async function startBalancer(): Promise<Balancer> {
  const taken = new Map<number, number>();
  const sockets = new Set<Socket>();
  let turn = 0;
  const balancer = { port: 0, targets: [] as readonly number[], taken, close };

  function pass(client: Socket, left: readonly number[]): void {
    const [port, ...others] = left;
    if (port === undefined) return void client.destroy();
    const hub = connect({ host: '127.0.0.1', port });
    let isConnected = false;
    sockets.add(hub);
    hub.once('connect', () => {
      isConnected = true;
      taken.set(port, (taken.get(port) ?? 0) + 1);
      client.pipe(hub).pipe(client);
    });
    hub.on('error', () => {
      if (isConnected || client.destroyed) client.destroy();
      else pass(client, others);
    });
    hub.once('close', () => {
      sockets.delete(hub);
      if (isConnected) client.destroy();
    });
    client.once('close', () => hub.destroy());
  }

  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => sockets.delete(client));
    const { targets } = balancer;
    const first = turn++ % Math.max(1, targets.length);
    pass(client, [...targets.slice(first), ...targets.slice(0, first)]);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  balancer.port = (server.address() as AddressInfo).port;

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  return balancer;
}
