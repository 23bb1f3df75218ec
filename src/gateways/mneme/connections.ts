import type { Duplex } from 'node:stream';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';
import type { Pull } from './pulls.ts';

/**
 * What is known of a connection. Clients say who they are only with some requests; what follows on the same connection is theirs.
 */
export interface Connection {
  client: MnemeClient | null;
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
}

export function createConnections(): Connections {
  const known = new WeakMap<Duplex, Connection>();
  return {
    of(socket) {
      const found = known.get(socket);
      if (found !== undefined) return found;
      const connection: Connection = { client: null, pushing: null, hasPushed: false, taking: null, unconfirmed: [] };
      known.set(socket, connection);
      return connection;
    },
  };
}
