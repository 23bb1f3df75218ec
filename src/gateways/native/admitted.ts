import type { Caller } from './guard.ts';

/** What a listener knows of a request that it let in. */
export interface Admitted {
  readonly caller: Caller;
  readonly requestId: string;
  /** Aborts when the listener closes. */
  readonly closing: AbortSignal;
}
