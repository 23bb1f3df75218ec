import { RemoteError } from '../../core/ports/remote.ts';
import { StoreUnavailable } from '../../core/ports/store.ts';

/** The one table from what went wrong to the status that says so. Clients go by the code. */
export const ERROR_STATUS = {
  'bad-request': 400,
  'undeclared-proxy': 400,
  unauthenticated: 401,
  forbidden: 403,
  'foreign-origin': 403,
  'tls-required': 403,
  'read-only': 403,
  quota: 403,
  'not-found': 404,
  'no-space': 404,
  taken: 409,
  'length-required': 411,
  'too-large': 413,
  'unsupported-media-type': 415,
  'wrong-host': 421,
  refused: 422,
  'too-many-requests': 429,
  internal: 500,
  damaged: 502,
  busy: 503,
  unavailable: 503,
  closing: 503,
  full: 507,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** Ends a request with the status of its code. The message goes to the caller: it names what was wrong, and no secret. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  /** Seconds, for the Retry-After header. */
  readonly retryAfter: number | undefined;
  constructor(code: ErrorCode, message: string, retryAfter?: number) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Seconds: a node that is started anew is there again by then. */
const COME_BACK_IN = 2;

/** To whoever comes while the node ends. */
export function closingError(): ApiError {
  return new ApiError('closing', 'this node is stopping', COME_BACK_IN);
}

/** `null` for what only the log may see. */
export function toApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreUnavailable) {
    return new ApiError(CODE[error.reason], SAID[error.reason], Math.ceil(error.retryAfter / 1000));
  }
  if (!(error instanceof RemoteError)) return null;
  if (error.type === 'refused') return new ApiError('refused', error.message);
  if (error.type === 'protocol') return new ApiError('damaged', error.message);
  if (error.type === 'unreachable') return new ApiError('unavailable', SAID.unreachable, 1);
  return null;
}

const CODE = { busy: 'busy', unreachable: 'unavailable', refused: 'unavailable', full: 'full' } as const;

/** Where the store is, and as whom it is asked, is for the hub's log. */
export const SAID = {
  busy: 'this hub has more to do than it can: try again',
  unreachable: 'the store behind this hub does not answer',
  refused: 'the store behind this hub does not let it do that now',
  full: 'the disk of this hub is full: it takes nothing new until there is room',
} as const;

export function errorBody(code: ErrorCode, message: string): { error: { code: ErrorCode; message: string } } {
  return { error: { code, message } };
}
