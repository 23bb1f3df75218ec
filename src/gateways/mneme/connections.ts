import type { Duplex } from 'node:stream';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';
import type { Pull } from './pulls.ts';

/**
 * What is known of a connection. Clients say who they are only with some requests; what follows on the same connection is theirs.
 */
export interface Connection {
  /** The last one that named itself on it. */
  client: MnemeClient | null;
  /** Several did: a proxy's, which says of no request whose it is. */
  isShared: boolean;
  /** The last list on it was one that makes its reader push, and was taken for this client's; `null`: it may be any one's of its key. */
  pushing: { readonly project: MnemeProject; readonly of: MnemeClient | null } | null;
  /** Something was pushed on it, since the lock was asked for. */
  hasPushed: boolean;
  /** The last list on it was one that makes its reader take what is new. */
  taking: Pull | null;
  /** Called when whatever was sent has arrived: HTTP's next request on a connection comes only then. */
  unconfirmed: (() => void)[];
}

export interface Connections {
  of(socket: Duplex): Connection;
  /** A client named itself on it. */
  named(socket: Duplex, client: MnemeClient): Connection;
}

export function createConnections(): Connections {
  const known = new WeakMap<Duplex, Connection>();

  function of(socket: Duplex): Connection {
    const found = known.get(socket);
    if (found !== undefined) return found;
    const connection: Connection = { client: null, isShared: false, pushing: null, hasPushed: false, taking: null, unconfirmed: [] };
    known.set(socket, connection);
    return connection;
  }

  return {
    of,
    named(socket, client) {
      const connection = of(socket);
      connection.isShared ||= connection.client !== null && connection.client.writer !== client.writer;
      connection.client = client;
      return connection;
    },
  };
}
