import { RemoteError, type RemoteErrorType } from '../../core/ports/remote.ts';
import { NotTheStore } from '../not-the-store.ts';
import { judgeNetworkError, retryAfterOf } from '../network-error.ts';
import type { Judgement } from '../retries.ts';

/** What answers mean, by their code, else by their status. `again`: another attempt may fare better. */
const CODES: Readonly<Record<string, readonly [RemoteErrorType, again: boolean, hint?: string]>> = {
  ContainerNotFound: ['unfit', false, 'there is no such container: make it first'],
  ContainerDisabled: ['unfit', false, 'the container is disabled'],
  ContainerBeingDeleted: ['unfit', false, 'the container is being deleted'],
  AuthenticationFailed: ['unauthorized', false, 'the key or signature does not open this account, or the clock of this machine is wrong'],
  AuthorizationFailure: ['unauthorized', false, 'the key or signature is not the right one, or may not read, write, delete and list'],
  AuthorizationPermissionMismatch: ['unauthorized', false, 'the signature may not read, write, delete and list'],
  AccountIsDisabled: ['unauthorized', false, 'the account is disabled'],
  RequestBodyTooLarge: ['refused', false, 'it takes no blobs of that size'],
  ServerBusy: ['unreachable', true],
  OperationTimedOut: ['unreachable', true],
  InternalError: ['unreachable', true],
};

const STATUSES: Readonly<Record<number, readonly [RemoteErrorType, again: boolean]>> = {
  401: ['unauthorized', false],
  403: ['unauthorized', false],
  408: ['unreachable', true],
  413: ['refused', false],
  429: ['unreachable', true],
  501: ['unfit', false],
  507: ['refused', false],
};

/** An error of the SDK: what the server said, what the network did, or an answer that is none. */
export function judgeAzureError(place: string, error: unknown, now: number): Judgement {
  const page = pageOf(error);
  if (page !== null) return { error: new RemoteError('unreachable', `${place}: ${NO_AZURE} (${page})`, { cause: error }), again: false };
  const status = statusOf(error);
  if (status === null) {
    if (codeOf(error) === 'PARSE_ERROR') {
      return { error: new RemoteError('protocol', `${place}: the answer makes no sense`, { cause: error }), again: false };
    }
    const judged = judgeNetworkError(place, error);
    if (judged !== null) return judged;
    if (error instanceof Error && /[\\/]@azure[\\/]/.test(error.stack ?? ''))
      return { error: new RemoteError('unfit', `${place}: ${NO_AZURE}`, { cause: error }), again: false };
    return { error: error instanceof Error ? error : new Error(String(error)), again: false };
  }
  const code = codeOf(error) ?? '';
  const fallback = status >= 500 ? (['unreachable', true] as const) : (['protocol', false] as const);
  const [type, again, hint] = CODES[code] ?? STATUSES[status] ?? fallback;
  const retryAfter = retryAfterOf(headerOf(error, 'retry-after'), now);
  const said = hint ?? (code === '' ? NO_AZURE : sentenceOf(error, code));
  const options = { cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return { error: new RemoteError(type, `${place}: ${said} (${status})`, options), again };
}

/** Whatever Azure answers has a code. */
const NO_AZURE =
  'what answers there is no Azure Blob Storage: is that the endpoint of the account, with the right http:// or https://, and does no proxy or login page of this network stand between?';
const SENTENCE = 500;

/** What the server said about it, which may name what helps, as Azurite does: without the lines that follow, of the request and its time. */
function sentenceOf(error: unknown, code: string): string {
  const [first = ''] = (error instanceof Error ? error.message : '').split('\n');
  return first.trim() === '' || first.trim() === code ? code : `${code}: ${first.trim().slice(0, SENTENCE)}`;
}

/** A blob that is not there; not a container that is not there. A HEAD has no code but in its header. */
export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && codeOf(error) !== 'ContainerNotFound' && pageOf(error) === null;
}

/**
 * The HTTP status of a page that stood in the place of the store, as a success or as what is not there: Azure numbers each answer. It may
 * be a network's, which goes by itself: asked again by whoever wants it, and not at once.
 */
function pageOf(error: unknown): number | null {
  if (error instanceof NotTheStore) return error.answer;
  const status = answerOf(error)?.status;
  if (status === undefined || !isHeeded(status) || headerOf(error, 'x-ms-request-id') !== undefined) return null;
  return status;
}

/** Statuses that say something of a blob. */
export const isHeeded = (status: number): boolean => (status >= 200 && status < 300) || status === 404;

/** The HTTP status of an answer that was an error. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : null;
}

/** Azure's name of what went wrong. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function headerOf(error: unknown, name: string): string | undefined {
  return answerOf(error)?.headers?.get(name);
}

interface Answer {
  readonly status?: number;
  readonly headers?: { get(name: string): string | undefined };
}

function answerOf(error: unknown): Answer | undefined {
  return error instanceof Error && 'response' in error ? (error.response as Answer | undefined) : undefined;
}
