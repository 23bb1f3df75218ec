import { setMaxListeners } from 'node:events';
import { request as requestHttp, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '../../core/ports/clock.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { NO_NODE_THERE } from './no-node-there.ts';

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The longest answer that is read. */
  readonly limit: number;
  /** May be sent twice without harm: then a kept connection that turns out dead costs nothing. */
  readonly idempotent: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
}

export interface ExchangeTimes {
  /** Nothing moves on the connection, milliseconds. */
  readonly idle: number;
  /** From the first byte sent to the last byte read, milliseconds. */
  readonly total: number;
}

export const EXCHANGE_TIMES: ExchangeTimes = { idle: 30_000, total: 600_000 };

export interface Exchange {
  /** One question, one answer, whole. Throws RemoteError `unreachable` or `protocol`, whatever the other side does. */
  ask(question: Question): Promise<Answer>;
  /** As `ask`, but hands out the answer unread; the caller destroys it, or `ended` does. `times.total` does not hold for what follows. */
  open(question: Question, ended: AbortSignal): Promise<IncomingMessage>;
}

export interface ExchangeOptions {
  readonly base: URL;
  readonly agent: Agent;
  /** Aborts everything under way. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly times: ExchangeTimes;
}

const MAX_HEADER_BYTES = 16 * 1024;

/**
 * HTTP/1.1 to one hub. Follows no redirects, takes no compression, and holds every answer to its limit. Cost besides the
 * bytes: some 0.15 ms of CPU a question, of which Node has the most.
 */
export function createExchange({ base, agent, closing, clock, times }: ExchangeOptions): Exchange {
  setMaxListeners(0, closing); // one for each answer that is read as it comes
  const underway = new Set<AbortController>();
  closing.addEventListener('abort', () => underway.forEach((stop) => stop.abort(closing.reason)), { once: true });
  const send = base.protocol === 'https:' ? requestHttps : requestHttp;

  function start(question: Question, signal: AbortSignal): ClientRequest {
    const { body } = question;
    const request = send({
      agent,
      protocol: base.protocol,
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port,
      method: question.method,
      path: question.path,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        host: base.host,
        'accept-encoding': 'identity',
        ...question.headers,
        ...(body === undefined ? (question.method === 'GET' ? {} : { 'content-length': '0' }) : { 'content-length': String(body.length) }),
      },
    });
    endWhenIdle(request, times.idle);
    const abort = (): void => void request.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    request.end(body);
    return request;
  }

  async function withDeadline<T>(work: (stop: AbortController) => Promise<T>): Promise<T> {
    const done = new AbortController();
    const stop = new AbortController();
    const late = async (): Promise<void> => {
      await clock.sleep(times.total, done.signal);
      if (!done.signal.aborted) stop.abort(new Error(`no whole answer after ${times.total / 1000} s`));
    };
    void late();
    if (closing.aborted) stop.abort(closing.reason);
    underway.add(stop);
    try {
      return await work(stop);
    } catch (error) {
      throw toRemoteError(stop.signal.aborted ? stop.signal.reason : error, base);
    } finally {
      underway.delete(stop);
      done.abort(null); // without a reason an error would be made for it, with its stack
    }
  }

  /** A kept connection may have been closed at the other end a moment ago: that says nothing of the hub. */
  async function twice<T>(question: Question, attempt: (request: ClientRequest) => Promise<T>, signal: AbortSignal): Promise<T> {
    const request = start(question, signal);
    try {
      return await attempt(request);
    } catch (error) {
      if (!question.idempotent || !request.reusedSocket || !isCutOff(error) || signal.aborted) throw error;
      return attempt(start(question, signal));
    }
  }

  return {
    ask: (question) =>
      withDeadline(({ signal }) => twice(question, async (request) => readAnswer(await responseTo(request), question.limit), signal)),
    open: (question, ended) =>
      withDeadline(async (stop) => {
        const end = (): void => stop.abort(ended.aborted ? ended.reason : closing.reason);
        if (ended.aborted) end();
        for (const signal of [ended, closing]) signal.addEventListener('abort', end, { once: true });
        const release = (): void => [ended, closing].forEach((signal) => signal.removeEventListener('abort', end));
        try {
          const response = await twice(question, responseTo, stop.signal);
          response.once('close', release);
          return response;
        } catch (error) {
          release();
          throw error;
        }
      }),
  };
}

/** Ends a request on whose connection nothing moves for so long. */
function endWhenIdle(request: ClientRequest, idle: number): void {
  const onIdle = (): void => {
    const { socket } = request;
    const read = socket?.bytesRead;
    // Where this process itself stood still, what came meanwhile is read only after the timers.
    setImmediate(() => {
      if (request.closed) return;
      if (socket === null || socket.bytesRead === read) request.destroy(new Error(`nothing was heard for ${idle / 1000} s`));
      else {
        socket.setTimeout(idle);
        socket.once('timeout', onIdle);
        request.once('close', () => socket.off('timeout', onIdle));
      }
    });
  };
  request.setTimeout(idle, onIdle);
}

function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Stays on: what breaks later breaks the response too, which is where it is heard.
    request.on('error', reject);
    request.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new RemoteError('protocol', 'the hub changed to another protocol unasked'));
    });
    // Whatever else may happen: without a connection there is no answer.
    request.once('close', () => reject(new Closed('the connection closed without an answer')));
  });
}

/** Reads the whole answer into memory, or not a byte more than `limit`. */
export async function readAnswer(response: IncomingMessage, limit: number): Promise<Answer> {
  const encoding = response.headers['content-encoding'];
  const declared = Number(response.headers['content-length'] ?? 0);
  const refused =
    encoding !== undefined && encoding !== 'identity'
      ? new RemoteError('protocol', 'the hub compressed an answer unasked')
      : declared > limit
        ? tooLong(limit)
        : null;
  if (refused !== null) {
    response.destroy();
    throw refused;
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await bodyOf(response, limit),
  };
}

/** By events: reading a stream with `for await` costs ten times as much as a short answer does. */
function bodyOf(response: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    response.on('data', (chunk: Buffer) => {
      total += chunk.length;
      if (total > limit) response.destroy(tooLong(limit));
      else chunks.push(chunk);
    });
    response.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    response.once('error', reject);
    response.once('close', () => reject(new Closed('the connection closed within the answer')));
  });
}

function tooLong(limit: number): RemoteError {
  return new RemoteError('protocol', `the hub's answer is longer than ${limit} bytes`);
}

class Closed extends Error {}

/** Whether the other side ended the connection under a question: what it did with it is not known. */
export function isCutOff(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || error instanceof Closed;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What went wrong below HTTP, or in it. */
export function toRemoteError(error: unknown, base: URL): RemoteError {
  if (error instanceof RemoteError) return error;
  const reason = error instanceof Error ? error.message : 'no reason given';
  // The parser's own errors: whatever answers there does not speak HTTP.
  const code = codeOf(error);
  const type = code.startsWith('HPE_') ? 'protocol' : 'unreachable';
  return new RemoteError(type, `${base.host}${PLAINLY[code] ?? `: ${reason}`}`, { cause: error });
}

/** The authority of a company, or of a proxy in between, is none that Node knows. */
const UNKNOWN_AUTHORITY =
  ' shows a certificate of an authority that this machine does not know. Where it is your own: NODE_EXTRA_CA_CERTS=FILE with that authority’s certificate, for the commands and for the node';

/** What the commonest failures mean to people. */
const PLAINLY: Readonly<Record<string, string>> = {
  ECONNREFUSED: ` does not answer: ${NO_NODE_THERE}`,
  ETIMEDOUT: ' does not answer: it may be off, or not in this network',
  EHOSTUNREACH: ' cannot be reached: it may be off, or not in this network',
  ENETUNREACH: ' cannot be reached: this machine has no network',
  ENOTFOUND: ' is a name that this network does not know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: ' shows a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: ' shows a certificate that is of another name',
  EAI_AGAIN: ' cannot be looked up: this machine has no network, or its name service does not answer',
};
