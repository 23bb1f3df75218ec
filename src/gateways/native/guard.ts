import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { fail, ok, type Result } from '../../core/result.ts';
import { ApiError } from './api-error.ts';

/** What one listener was told about itself. */
export interface ListenerPolicy {
  /** Host names (lower case, without port) that it answers to, besides the IP address that a connection came in at. */
  readonly names: ReadonlySet<string>;
  /** Origins of web pages that may call it; `*`: of all. */
  readonly origins: ReadonlySet<string>;
  /** Addresses of declared reverse proxies, which end TLS before it. */
  readonly proxies: ReadonlySet<string>;
  /** It speaks TLS itself. */
  readonly tls: boolean;
  /** It is reachable from this machine only, though its peers' addresses do not show it: a container published on 127.0.0.1. */
  readonly publishedOnLoopback: boolean;
  /** Bodies may come without a Content-Length. */
  readonly takesChunked?: boolean;
}

export interface Caller {
  /** IP address that limits are counted by. */
  readonly address: string;
  /** The origin that the caller dialled: a session's proof binds to it. */
  readonly origin: string;
}

type RequestFacts = Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'> & {
  readonly socket: { readonly remoteAddress?: string | undefined; readonly localAddress?: string | undefined };
};

const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?))(?::(\d{1,5}))?$/;
const FORWARDING = /^(?:forwarded|via|x-real-ip|x-client-ip|x-forwarded-.*)$/;

/**
 * Judges a request before anything else sees it, by what a listener may expect: loopback is no authentication, and
 * web pages and rebound names reach it too (docs/threat-model.md). Pure.
 */
export function judgeRequest(policy: ListenerPolicy, request: RequestFacts): Result<Caller, ApiError> {
  if (request.url?.startsWith('/') !== true) return fail(new ApiError('bad-request', 'the request target must be a path'));
  const host = hostOf(request);
  if (host === null) return fail(new ApiError('bad-request', 'one well-formed Host header is needed'));
  if (!policy.names.has(host.name) && host.name !== plainAddress(request.socket.localAddress)) {
    return fail(new ApiError('wrong-host', `this listener does not answer to the name ${host.name}`));
  }
  const browser = judgeBrowser(policy, request);
  if (browser !== null) return fail(browser);
  if (request.headers['transfer-encoding'] !== undefined && policy.takesChunked !== true)
    return fail(new ApiError('length-required', 'bodies need a Content-Length'));
  const peer = plainAddress(request.socket.remoteAddress);
  if (hasForwarding(request)) return judgeForwarded(policy, request, peer, host);
  if (!policy.tls && !policy.publishedOnLoopback && !isLoopback(peer)) {
    return fail(new ApiError('tls-required', 'plain http is answered on loopback only'));
  }
  return ok({ address: peer, origin: policy.tls ? host.origins.https : host.origins.http });
}

function judgeForwarded(policy: ListenerPolicy, request: RequestFacts, peer: string, host: Host): Result<Caller, ApiError> {
  if (!policy.proxies.has(peer)) {
    return fail(new ApiError('undeclared-proxy', 'forwarding headers are taken from declared proxies only'));
  }
  if (request.headers['x-forwarded-proto'] !== 'https') {
    return fail(new ApiError('tls-required', 'the proxy must be reached over https, and say so in X-Forwarded-Proto'));
  }
  // The last entry is the proxy's own; what stands before it, a caller may have made up.
  const forwardedFor = request.headers['x-forwarded-for'];
  const address = (Array.isArray(forwardedFor) ? forwardedFor.join(',') : (forwardedFor ?? '')).split(',').at(-1)?.trim() ?? '';
  if (isIP(address) === 0) return fail(new ApiError('bad-request', 'the proxy must name the caller in X-Forwarded-For'));
  return ok({ address: plainAddress(address), origin: host.origins.https });
}

function judgeBrowser(policy: ListenerPolicy, request: RequestFacts): ApiError | null {
  const { origin } = request.headers;
  if (origin !== undefined && !policy.origins.has(origin) && !policy.origins.has('*'))
    return new ApiError('foreign-origin', 'this origin is not listed here');
  const site = request.headers['sec-fetch-site'];
  if (origin === undefined && site !== undefined && site !== 'same-origin' && site !== 'none') {
    return new ApiError('foreign-origin', 'requests from other sites are refused');
  }
  return null;
}

function hostOf(request: RequestFacts): Host | null {
  let text: string | null = null;
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    if (request.rawHeaders[at]?.toLowerCase() !== 'host') continue;
    if (text !== null) return null;
    text = (request.rawHeaders[at + 1] ?? '').toLowerCase();
  }
  return text === null ? null : parseHost(text);
}

interface Host {
  readonly name: string;
  readonly text: string;
  /** As a caller dials it: without the port that is usual there. */
  readonly origins: { readonly http: string; readonly https: string };
}

/** The last one: nearly all requests of a listener name the same. */
let parsed: Host | null = null;

function parseHost(text: string): Host | null {
  if (parsed?.text === text) return parsed;
  const match = HOST.exec(text);
  if (match === null || Number(match[3] ?? 1) > 65_535) return null;
  const name = match[1] ?? match[2] ?? '';
  if (!URL.canParse(`http://${text}`) || (match[1] !== undefined && isIP(name) !== 6)) return null;
  parsed = { name, text, origins: { http: new URL(`http://${text}`).origin, https: new URL(`https://${text}`).origin } };
  return parsed;
}

function hasForwarding(request: RequestFacts): boolean {
  return Object.keys(request.headers).some((name) => FORWARDING.test(name));
}

/** IPv4 addresses come mapped into IPv6 where a listener has both. */
function plainAddress(address = ''): string {
  return !address.includes(':') ? address : address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
}

/** True for what only this machine can reach: 127.0.0.0/8, ::1 and `localhost`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
