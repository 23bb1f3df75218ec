import type { ErrorCode } from './api-error.ts';

/** A request that was answered, without anything that says whose it was. */
export interface Answered {
  /** The route's pattern, `unmatched` where there is none: of a small set. */
  readonly route: string;
  /** `other` for what no route has. */
  readonly method: string;
  readonly status: number;
  /** Until the answer began: live streams last. */
  readonly ms: number;
}

/** Told of requests. Must be quick, and throw never. */
export interface RequestWatch {
  answered(request: Answered): void;
  /** The listener let it nowhere: too many, a foreign name, an undeclared proxy … */
  refused(code: ErrorCode): void;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function answeredFacts(route: string, method: string, status: number, ms: number): Answered {
  return { route: route.includes('*') ? 'unmatched' : route, method: METHODS.has(method) ? method : 'other', status, ms: Math.max(0, ms) };
}
