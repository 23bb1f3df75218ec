/** One thing that was looked at. `severity` is how bad it is where the result is not `ok`. */
export interface Check {
  /** Stable, for scripts: `home.modes`, `space.remote:personal` … */
  readonly id: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly severity: 'low' | 'medium' | 'high';
  readonly reason: string;
  /** What was seen. Nothing secret. */
  readonly evidence: readonly string[];
  readonly next_step: string | null;
}

export function passed(id: string, reason: string, evidence: readonly string[] = []): Check {
  return { id, result: 'ok', severity: 'low', reason, evidence, next_step: null };
}

export function warned(
  id: string,
  severity: Check['severity'],
  reason: string,
  next: string | null,
  evidence: readonly string[] = [],
): Check {
  return { id, result: 'warn', severity, reason, evidence, next_step: next };
}

export function failed(
  id: string,
  severity: Check['severity'],
  reason: string,
  next: string | null,
  evidence: readonly string[] = [],
): Check {
  return { id, result: 'fail', severity, reason, evidence, next_step: next };
}

const SHOWN = 10;

/** A few of many, as evidence. */
export function some(lines: readonly string[]): string[] {
  return lines.length <= SHOWN ? [...lines] : [...lines.slice(0, SHOWN), `and ${lines.length - SHOWN} more`];
}
