/** Clocks order nothing: times are shown to people, and drive timers and expiry. */
export interface Clock {
  /** Milliseconds since 1970 by the machine's clock, which may jump. */
  now(): number;
  /** Resolves after `ms`; at once, when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
