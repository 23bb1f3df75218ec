import { RemoteError } from '../core/ports/remote.ts';
import type { Judgement } from './retries.ts';

const NO_TLS = 'what answers there speaks no TLS: is its address http://?';

/** A certificate that is not trusted stays so, and so does a server without any. */
const FOR_GOOD = /^(?:EPROTO$|CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ERR_SSL_)/;

/** What the system's or TLS's own words do not tell. */
const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no host of that name is known',
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
};

/** What went wrong before an answer was there; `null` where that is not it. */
export function judgeNetworkError(place: string, error: unknown): Judgement | null {
  if (error instanceof RemoteError) return { error: at(place, error), again: error.type === 'unreachable' };
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  if (code === null && !['AbortError', 'TimeoutError'].includes(error.name)) return null;
  const reason = code === null ? error.message : (REASONS[code] ?? error.message);
  return {
    error: new RemoteError('unreachable', `${place}: ${reason}`, { cause: error }),
    again: code === null || !FOR_GOOD.test(code),
  };
}

/** What was said without knowing where, as that no answer came in time. */
function at(place: string, error: RemoteError): RemoteError {
  if (error.message.startsWith(place)) return error;
  const { type, message, retryAfter } = error;
  return new RemoteError(type, `${place}: ${message}`, { cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) });
}

/** A system's or TLS's, of the error or what it was caused by. */
function codeOf(error: Error): string | null {
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(error.code)) return error.code;
  return error.cause instanceof Error ? codeOf(error.cause) : null;
}

/** `Retry-After` in milliseconds, a minute at most: seconds, or a date. */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 60_000) : undefined;
}
