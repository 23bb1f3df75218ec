import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { RemoteError, RemoteFull } from '../../core/ports/remote.ts';
import type { Result } from '../../core/result.ts';
import type { Answer } from './http-exchange.ts';

/** An answer that says no, in the words of the hub: foreign text, made safe to print. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Of an answer that is no hub's: what stands in front of it found nobody, or not in time. */
const NO_HUB_BEHIND = ': what stands before it is there, and no hub behind that';
export const isOfProxy = (status: number | undefined): boolean => status === 502 || status === 503 || status === 504;

const MESSAGE_LENGTH = 300;
const LONGEST_WAIT = 60 * 60;

/** The hub's error code and message; a made-up code where the answer is not from a hub. */
export function refusalOf(answer: Answer): Refusal {
  const parsed = parseJson(answer.body);
  const error = isRecord(parsed) && isRecord(parsed['error']) ? parsed['error'] : {};
  const { code, message } = error;
  return {
    code: typeof code === 'string' ? printable(code) : `http-${answer.status}`,
    message: typeof message === 'string' ? printable(message) : `status ${answer.status}${isOfProxy(answer.status) ? NO_HUB_BEHIND : ''}`,
  };
}

/** What an answer that no caller expected means to it. */
export function toRefusalError(answer: Answer): RemoteError {
  const { code, message } = refusalOf(answer);
  const text = `the hub answered: ${message} (${code})`;
  const { status } = answer;
  if (status === 401) return new RemoteError('unauthorized', text);
  if (code === 'full') return new RemoteFull(text, retryAfterOf(answer));
  if (code === 'damaged') return new RemoteError('protocol', text);
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfter = retryAfterOf(answer);
    return new RemoteError('unreachable', text, retryAfter === undefined ? {} : { retryAfter });
  }
  if (status >= 400) return new RemoteError('refused', text);
  return new RemoteError('protocol', `the hub answered with status ${status}, which has no meaning here`);
}

/**
 * Whether it says that there is nobody to answer just now: a hub that is being stopped, or a proxy that finds none. What a hub says
 * of its database or its load is not meant: it stays there.
 */
export function isPassing(answer: Answer): boolean {
  if (!isOfProxy(answer.status)) return false;
  const { code } = refusalOf(answer);
  return code === 'closing' || code === `http-${answer.status}`;
}

export function isCode(answer: Answer, status: number, code: string): boolean {
  return answer.status === status && refusalOf(answer).code === code;
}

/** The decoded answer, or `protocol` with what the decoder found. */
export function parsed<T>(result: Result<T, string>): T {
  if (!result.ok) throw new RemoteError('protocol', `the hub's answer does not parse: ${result.error}`);
  return result.value;
}

/** A JSON object, or `null` for whatever else. */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  const value = parseJson(bytes);
  return isRecord(value) ? value : null;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > HUB_LIMITS.jsonBytes) return null;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null; // not from a hub, or from one that lies: the callers say what that means
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function retryAfterOf(answer: Answer): number | undefined {
  const seconds = Number(answer.headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, LONGEST_WAIT) * 1000 : undefined;
}

/** Without control characters, which could drive the terminal that this ends up on. */
function printable(text: string): string {
  return text.slice(0, MESSAGE_LENGTH).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�');
}
