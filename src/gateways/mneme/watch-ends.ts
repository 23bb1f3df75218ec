import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Tells when the other side ended a connection on which every answer had gone out: a process that ends, or closes, with answers that it
 * did not read, resets the connection instead. Returns what to call with each request.
 */
export function watchEnds(onEnd: (socket: Duplex) => void): (request: IncomingMessage, response: ServerResponse) => void {
  const unanswered = new WeakMap<Duplex, number>();
  return ({ socket }, response) => {
    const before = unanswered.get(socket);
    unanswered.set(socket, (before ?? 0) + 1);
    response.once('finish', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    if (before !== undefined) return;
    socket.once('end', () => {
      if (unanswered.get(socket) === 0) onEnd(socket);
    });
  };
}

/**
 * Ends our side of a connection after its last answer, and leaves it to the other to close it, which says whether that answer arrived:
 * HTTP's server would close it at once, and see no more. One that never closes it is idle, and ended as such.
 */
export function awaitEnd(socket: Socket): void {
  socket.destroySoon = () => void socket.end();
}
