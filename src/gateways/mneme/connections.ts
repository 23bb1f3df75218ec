import type { Duplex } from 'node:stream';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';

/**
 * What is known of a connection. Clients say who they are only with some requests; what follows on the same connection is theirs.
 */
export interface Connection {
  client: MnemeClient | null;
  /** The last list on it was one that makes its reader push, and was taken for this client's. */
  pushing: { readonly project: MnemeProject; readonly of: MnemeClient } | null;
  /** Called when whatever was sent has arrived: HTTP's next request on a connection comes only then. */
  unconfirmed: (() => void)[];
  /** Said to the last of {@link unconfirmed} too: it was written out whole. */
  isSent: boolean;
  /** The other side said goodbye only after that. */
  wasSentAtEnd: boolean;
}

export interface Connections {
  of(socket: Duplex): Connection;
}

export function createConnections(): Connections {
  const known = new WeakMap<Duplex, Connection>();
  return {
    of(socket) {
      const found = known.get(socket);
      if (found !== undefined) return found;
      const connection: Connection = { client: null, pushing: null, unconfirmed: [], isSent: false, wasSentAtEnd: false };
      known.set(socket, connection);
      // Who closes it in good order has read what was there before; who went away without reading resets it.
      socket.once('end', () => (connection.wasSentAtEnd = connection.isSent));
      socket.once('close', () => {
        if (connection.wasSentAtEnd && socket.errored === null) confirm(connection);
      });
      return connection;
    },
  };
}

/** What was sent on it has arrived. */
export function confirm(connection: Connection): void {
  for (const received of connection.unconfirmed) received();
  connection.unconfirmed = [];
}
