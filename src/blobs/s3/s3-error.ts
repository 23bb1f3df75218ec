import { RemoteError, type RemoteErrorType } from '../../core/ports/remote.ts';
import { NotTheStore } from '../not-the-store.ts';
import { judgeNetworkError, retryAfterOf } from '../network-error.ts';
import type { Judgement } from '../retries.ts';

/** What answers of a server mean, by its code, else by its status. `again`: another attempt may fare better. */
const CODES: Readonly<Record<string, readonly [RemoteErrorType, again: boolean, hint?: string]>> = {
  NoSuchBucket: ['unfit', false, 'there is no such bucket: make it first'],
  InvalidBucketName: ['unfit', false, 'this is no name of a bucket there'],
  PermanentRedirect: ['unfit', false, 'the bucket is in another region: say it with ?region=…'],
  AuthorizationHeaderMalformed: ['unfit', false, 'the bucket is in another region: say it with ?region=…'],
  RequestTimeTooSkewed: ['unauthorized', true, 'the clock of this machine is wrong'],
  AccessDenied: ['unauthorized', false, 'the key may not do this (it needs to get, put, delete and list)'],
  InvalidAccessKeyId: ['unauthorized', false, 'the access key is not known there'],
  SignatureDoesNotMatch: ['unauthorized', false, 'the secret does not belong to the access key'],
  ExpiredToken: ['unauthorized', false, 'the session token has expired'],
  InvalidToken: ['unauthorized', false, 'the session token is none'],
  QuotaExceeded: ['refused', false, 'the quota is used up'],
  EntityTooLarge: ['refused', false, 'it takes no blobs of that size'],
  RequestTimeout: ['unreachable', true],
  SlowDown: ['unreachable', true],
  ConditionalRequestConflict: ['unreachable', true],
  OperationAborted: ['unreachable', true],
};

const STATUSES: Readonly<Record<number, readonly [RemoteErrorType, again: boolean, hint?: string]>> = {
  401: ['unauthorized', false],
  403: ['unauthorized', false],
  408: ['unreachable', true],
  409: ['unreachable', true],
  413: ['refused', false],
  429: ['unreachable', true],
  501: ['unfit', false, 'it does not know this kind of request'],
  507: ['refused', false, 'it is full'],
};

/** An error of the SDK: what the server said, what the network did, or an answer that is none. */
export function judgeS3Error(place: string, error: unknown, now: number): Judgement {
  // It may be a network's page, which goes by itself: asked again by whoever wants it, and not at once.
  if (error instanceof NotTheStore)
    return { error: new RemoteError('unreachable', `${place}: ${NO_S3} (${error.answer})`, { cause: error }), again: false };
  const status = statusOf(error);
  if (status === null) {
    const judged = judgeNetworkError(place, error);
    if (judged !== null) return judged;
    if (!(error instanceof Error)) return { error: new Error(String(error)), again: false };
    if (error instanceof TypeError || error instanceof RangeError) return { error, again: false }; // ours
    if (isNoS3(error)) return { error: new RemoteError('unfit', `${place}: ${NO_S3}`, { cause: error }), again: false };
    return { error: new RemoteError('protocol', `${place}: the answer makes no sense: ${error.message}`, { cause: error }), again: false };
  }
  const { name, message } = error as Error;
  const fallback = status >= 500 ? (['unreachable', true] as const) : (['protocol', false] as const);
  const [type, again, hint] = CODES[name] ?? STATUSES[status] ?? fallback;
  if (hint === undefined && isNoS3(error) && type !== 'unreachable')
    return { error: new RemoteError('unfit', `${place}: ${NO_S3} (${status})`, { cause: error }), again: false };
  const words = message === '' || message === 'UnknownError' ? name : message;
  const said = hint ?? (isNoS3(error) ? 'the request failed' : words);
  const retryAfter = retryAfterOf(headerOf(error, 'retry-after'), now);
  const options = { cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return { error: new RemoteError(type, `${place}: ${said} (${status})`, options), again };
}

const NO_S3 =
  'what answers there is no S3: is that the endpoint of a store, with the right http:// or https://, and does no proxy or login page of this network stand between?';

/** The SDK could not read the answer as S3's: it says so in words for whoever writes programs with it. */
function isNoS3(error: unknown): boolean {
  return error instanceof Error && /deserialization error|XML parse error|hidden field/i.test(error.message);
}

/** The HTTP status of an answer that was an error. */
export function statusOf(error: unknown): number | null {
  const metadata = error instanceof Error && '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }) : undefined;
  return metadata?.httpStatusCode ?? null;
}

function headerOf(error: unknown, name: string): string | undefined {
  const response = error instanceof Error && '$response' in error ? (error.$response as { headers?: Record<string, string> }) : undefined;
  return response?.headers?.[name];
}
