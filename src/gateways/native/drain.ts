import { setMaxListeners } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';

/** How a listener ends without cutting anybody off. */
export interface Drain {
  /** Aborts once it closes: what would last for ever, as live streams do, ends by it. */
  readonly closing: AbortSignal;
  /** Whether a request that came is to be answered; false: it came too late. */
  takes(response: ServerResponse): boolean;
  /** An answer is being made: `work` settles when nothing is done for it any more. */
  began(response: ServerResponse, work: Promise<unknown>): void;
  /** Takes no more connections at once. Resolves when there are none, and nothing is at work for any. Idempotent. */
  close(): Promise<void>;
}

export interface DrainTimes {
  /** Milliseconds for which requests on connections that are open are still answered, each as the last on its connection. */
  readonly linger: number;
  /** Milliseconds for what is being answered after that; then it is cut off. */
  readonly patience: number;
}

/** What is known of a connection. */
interface Open {
  /** Answers on it that are not sent yet. */
  answers: number;
  /** Bytes that had come when nothing was left to answer: more of them are the beginning of a request. Who just connected is about to send one. */
  read: number | 'fresh';
}

/**
 * Drains a server that is being made. Node's own `close` of an HTTP server ends at once what it takes for idle: connections whose answer
 * is still on its way to a slow reader, and those on which a proxy may be sending the next request.
 */
export function createDrain(server: Server, secure: boolean, clock: Clock, { linger, patience }: DrainTimes): Drain {
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each live stream
  const connections = new Map<Socket, Open>();
  const underWay = new Map<ServerResponse, Promise<unknown>>();
  let isOver = false;
  let closed: Promise<void> | undefined;

  server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.set(socket, { answers: 0, read: 'fresh' });
    socket.once('close', () => connections.delete(socket));
  });

  /** Counts from the headers of a request until its answer was sent, or its connection is gone. */
  function follow(response: ServerResponse): void {
    const { socket } = response;
    const open = socket === null ? undefined : connections.get(socket);
    if (socket === null || open === undefined) return;
    open.answers += 1;
    response.once('close', () => {
      open.answers -= 1;
      open.read = socket.bytesRead;
      if (isOver) endIdle(socket, open);
    });
  }

  async function close(): Promise<void> {
    const ended = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    closing.abort();
    // The last on its connection, unless it began to be sent: else a busy caller would go on for as long as it may.
    for (const response of underWay.keys()) response.shouldKeepAlive = false;
    await within(linger, ended, clock);
    isOver = true;
    for (const [socket, open] of connections) endIdle(socket, open);
    await within(patience, ended, clock);
    server.closeAllConnections();
    await ended;
    server.close(); // Node's own, for its timers: there is nothing left to end
    // What nobody waits for any more may still be at work on the stores, which are closed next.
    await within(patience, Promise.allSettled(underWay.values()), clock);
  }

  return {
    closing: closing.signal,
    takes(response) {
      follow(response);
      if (!closing.signal.aborted) return true;
      response.shouldKeepAlive = false;
      return !isOver && linger > 0;
    },
    began(response, work) {
      underWay.set(
        response,
        work.finally(() => underWay.delete(response)),
      );
    },
    close: () => (closed ??= close()),
  };
}

/** Not under an answer, nor where a request has begun to come: that is told to come again. */
function endIdle(socket: Socket, { answers, read }: Open): void {
  if (answers === 0 && socket.bytesRead === read) socket.destroySoon();
}

async function within(patience: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  if (patience === 0) return;
  const done = new AbortController();
  await Promise.race([work, clock.sleep(patience, done.signal)]);
  done.abort();
}
