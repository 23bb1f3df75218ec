import { Socket } from 'node:net';

/** Something answers where the database should, and speaks another protocol. */
export class NoPostgres extends Error {
  override readonly name = 'NoPostgres';
  constructor() {
    super('its first answer is none of PostgreSQL’s');
  }
}

/** With what a server may answer first: whether it speaks TLS, or an error; or, in the clear, an authentication, an error, a notice, a version. */
const FIRST = { tls: 'SNE', clear: 'RENv' } as const;
/** In the clear the length follows. A message that is sent before anybody is let in is short. */
const LENGTH = { least: 4, most: 30_000 } as const;

/**
 * What pg connects with: a connection that fails with {@link NoPostgres} where the first answer is no database's. pg by itself takes
 * the first bytes of any other protocol for the length of a message, and waits for the rest.
 */
export function socketThatKnows(isTls: boolean): Socket {
  const socket = new Socket();
  socket.once('data', (first: Buffer) => {
    if (!isGreeting(first, isTls)) socket.destroy(new NoPostgres());
  });
  return socket;
}

function isGreeting(first: Buffer, isTls: boolean): boolean {
  const type = String.fromCharCode(first[0] ?? 0);
  if (!FIRST[isTls ? 'tls' : 'clear'].includes(type)) return false;
  // Nothing may follow before the other side has begun to speak TLS.
  if (isTls && type !== 'E') return first.length === 1;
  if (first.length < 5) return true;
  const length = first.readUInt32BE(1);
  return length >= LENGTH.least && length <= LENGTH.most;
}
