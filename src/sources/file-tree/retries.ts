import type { TreeContext } from './context.ts';

/** True where an item may be tried (again). A clock that jumped back far does not make it wait longer. */
export function isDue(context: TreeContext, name: string): boolean {
  const retry = context.memory.retries.get(name);
  if (retry === undefined) return true;
  const wait = retry.due - context.clock.now();
  return wait <= 0 || wait > context.limits.retryMaxMs;
}

/** Notes a failure: the next try waits twice as long. */
export function postpone(context: TreeContext, name: string, reason: string, lacksBody = false): void {
  const attempts = (context.memory.retries.get(name)?.attempts ?? 0) + 1;
  const wait = Math.min(context.limits.retryMs * 2 ** Math.min(attempts - 1, 20), context.limits.retryMaxMs);
  context.memory.retries.set(name, { reason, attempts, due: context.clock.now() + wait, lacksBody });
}

/** What waits for a body may be tried at once: it may be there by now. */
export function hasten({ memory, clock }: TreeContext): void {
  for (const [name, retry] of memory.retries) if (retry.lacksBody) memory.retries.set(name, { ...retry, due: clock.now() });
}

/** Milliseconds until the first of them may be tried; `null`: none waits. */
export function nextRetry(context: TreeContext): number | null {
  const now = context.clock.now();
  let next: number | null = null;
  for (const { due } of context.memory.retries.values()) {
    const wait = Math.min(Math.max(0, due - now), context.limits.retryMaxMs);
    next = next === null ? wait : Math.min(next, wait);
  }
  return next;
}
