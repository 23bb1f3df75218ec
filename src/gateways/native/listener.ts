import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bytesToHex } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Admitted } from './admitted.ts';
import { ApiError, closingError, ERROR_STATUS, errorBody, type ErrorCode } from './api-error.ts';
import { createDrain } from './drain.ts';
import { isLoopback, judgeRequest, type Caller, type ListenerPolicy } from './guard.ts';
import type { HubLog } from './hub-app.ts';
import type { HubServerLimits } from './limits.ts';
import { addressKey, createRateLimiter } from './rate-limit.ts';
import type { TlsIdentity } from './tls-identity.ts';
import type { UpgradeHandler } from './upgrade.ts';

export interface ListenOptions {
  /** IP address or host name to bind to. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Needed beyond loopback, unless one of the next two is declared. */
  readonly tls?: TlsIdentity;
  /** Addresses of reverse proxies that end TLS before this listener. */
  readonly proxies?: readonly string[];
  /** Runs in a container whose port is published on 127.0.0.1 only. */
  readonly publishedOnLoopback?: boolean;
  /** Host names that it is reached by, besides localhost (on loopback) and the addresses it is bound to. */
  readonly names?: readonly string[];
  /** Origins of web pages that may call it; `*`: of all. */
  readonly origins?: readonly string[];
  /** Bodies may come without saying how long they are: whoever serves counts what comes. */
  readonly takesChunked?: boolean;
  /** Callers have another place to go: while this one closes, requests that are on their way to it are still answered. */
  readonly hasPeers?: boolean;
}

export interface Listener {
  /** E.g. `https://127.0.0.1:4600`. */
  readonly address: string;
  readonly port: number;
  /** Takes no more, ends live streams, lets requests in flight finish for a while. Idempotent. */
  close(): Promise<void>;
}

/** How a foreign protocol differs from ours before its routes are asked. */
export interface ListenerDialect {
  /** Asked before anything is judged or counted; true: it was answered. Must change nothing. */
  answersFirst(request: IncomingMessage, response: ServerResponse): boolean;
  /** What is said to whom the listener refuses. */
  refusal(error: ApiError): { readonly status: number; readonly body: unknown };
}

export interface ListenerDeps {
  /** Answers what was let in. Rejects never. */
  readonly serve: (request: IncomingMessage, response: ServerResponse, admitted: Admitted) => Promise<void> | void;
  readonly limits: HubServerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: HubLog;
  /** Told of what it let nowhere. */
  readonly onRefused?: (code: ErrorCode) => void;
  readonly upgrade?: UpgradeHandler;
  readonly dialect?: ListenerDialect;
}

const MAX_HEADER_BYTES = 16 * 1024;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export async function listenWith(deps: ListenerDeps, options: ListenOptions): Promise<Listener> {
  const { serve, limits, clock, log, dialect } = deps;
  const policy = policyOf(options);
  const perAddress = createRateLimiter(limits.requests, clock);

  function admit(request: IncomingMessage): Caller | ApiError {
    const judged = judge(request);
    if (judged instanceof ApiError) deps.onRefused?.(judged.code);
    return judged;
  }

  function judge(request: IncomingMessage): Caller | ApiError {
    const judged = judgeRequest(policy, request);
    const address = judged.ok ? judged.value.address : (request.socket.remoteAddress ?? '');
    const wait = perAddress.take(addressKey(address));
    if (wait > 0) return new ApiError('too-many-requests', 'too many requests from this address', wait);
    return judged.ok ? judged.value : judged.error;
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    if (!drain.takes(response)) return refuse(response, requestIdOf(request, deps.random), closingError(), dialect);
    if (dialect?.answersFirst(request, response) === true) return;
    const caller = admit(request);
    if (caller instanceof ApiError) {
      const requestId = requestIdOf(request, deps.random);
      log.warn({ request: requestId, code: caller.code, status: ERROR_STATUS[caller.code] }, 'request refused');
      return refuse(response, requestId, caller, dialect);
    }
    let requestId: string | null = null;
    const served = serve(request, response, {
      caller,
      // Not all that serve ask for it, and randomness takes its time.
      get requestId() {
        return (requestId ??= requestIdOf(request, deps.random));
      },
      closing: drain.closing,
    });
    drain.began(response, Promise.resolve(served));
  }

  const upgraded = new Set<Duplex>();
  function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const caller = drain.closing.aborted ? closingError() : admit(request);
    if (caller instanceof ApiError) return refuseUpgrade(socket, caller);
    if (deps.upgrade?.(request, socket, head) !== true) return refuseUpgrade(socket, new ApiError('not-found', 'no such route'));
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
  }

  const timeouts = {
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: limits.headersTimeout, // one that dawdles may have twice as long, and an idle node sleeps
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAlive: true, // of TCP: notices machines that left without a word
    keepAliveInitialDelay: 30_000,
  };
  const server: Server =
    options.tls === undefined
      ? createHttpServer(timeouts, handle)
      : createHttpsServer({ ...timeouts, ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: limits.headersTimeout }, handle);
  const linger = options.hasPeers === true ? limits.lingerTime : 0;
  const drain = createDrain(server, options.tls !== undefined, clock, { linger, patience: limits.shutdownTimeout });
  drain.closing.addEventListener('abort', () => upgraded.forEach((socket) => socket.destroy()));
  server.on('upgrade', handleUpgrade);
  server.maxConnections = limits.connections;
  server.timeout = limits.idleTimeout;
  limitConnections(server, limits.connectionsPerAddress, policy.proxies);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => log.error({ err: error }, 'the listener failed'));
  const { port } = server.address() as AddressInfo;
  return {
    address: `${policy.tls ? 'https' : 'http'}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    close: () => drain.close(),
  };
}

function policyOf(options: ListenOptions): ListenerPolicy {
  const proxies = new Set(options.proxies);
  const publishedOnLoopback = options.publishedOnLoopback === true;
  if (!isLoopback(options.host) && options.tls === undefined && proxies.size === 0 && !publishedOnLoopback) {
    throw new Error(
      `refusing to listen on ${options.host} without TLS: give it a certificate, or declare the proxy or container in front of it`,
    );
  }
  const names = new Set(options.names?.map((name) => name.toLowerCase()));
  if (isLoopback(options.host) || publishedOnLoopback) for (const name of ['localhost', '127.0.0.1', '::1']) names.add(name);
  names.add(options.host.toLowerCase());
  // "Any address" is no name.
  for (const name of ['0.0.0.0', '::']) names.delete(name);
  return {
    names,
    origins: new Set(options.origins),
    proxies,
    tls: options.tls !== undefined,
    publishedOnLoopback,
    takesChunked: options.takesChunked === true,
  };
}

function requestIdOf(request: IncomingMessage, random: Random): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : bytesToHex(random.bytes(8));
}

/** Answers before any route, and ends the connection: whoever was refused here has nothing more to say on it. */
function refuse(response: ServerResponse, requestId: string, error: ApiError, dialect?: ListenerDialect): void {
  const { status, body: says } = dialect?.refusal(error) ?? {
    status: ERROR_STATUS[error.code],
    body: errorBody(error.code, error.message),
  };
  const body = JSON.stringify(says);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    connection: 'close',
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
  });
  response.end(body);
}

function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(errorBody(error.code, error.message));
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${ERROR_STATUS[error.code]} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function limitConnections(server: Server, limit: number, proxies: ReadonlySet<string>): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    if (proxies.has(address)) return;
    const key = addressKey(address);
    const count = (open.get(key) ?? 0) + 1;
    if (count > limit) {
      socket.destroy();
      return;
    }
    open.set(key, count);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    });
  });
}
