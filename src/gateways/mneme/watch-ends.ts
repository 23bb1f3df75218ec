import type { IncomingMessage, ServerResponse } from 'node:http';
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
