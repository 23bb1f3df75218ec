import type { CaptureReport } from '../../core/replica/workspace.ts';

export interface Portions<T> {
  /** `bytes`: what it holds of memory until it was taken. May end a portion, and wait for the one before. */
  add(entry: T, bytes: number): Promise<void>;
  /** Ends a portion: what is added from now on is taken behind it. Waits for the one before. */
  send(): Promise<void>;
  /** Whether the next entry begins a portion. */
  readonly isEmpty: boolean;
  /** Waits until all were taken. What became of them, added up. */
  finish(): Promise<CaptureReport>;
}

export interface PortionLimits {
  readonly entries: number;
  readonly bytes: number;
  /** The first portion takes this part of both, and each after it twice as much as the one before. Default: all. */
  readonly first?: number;
  /** So many may be taken at the same time. Default: one. */
  readonly atOnce?: number;
}

/**
 * Hands on what was found in portions, one after the other, each of at most so many entries and (but for its last entry) bytes. While one
 * portion is taken the next is collected; what goes wrong with one is thrown by a later call, and nothing is begun after it.
 */
export function createPortions<T>(limits: PortionLimits, take: (portion: readonly T[]) => Promise<CaptureReport>): Portions<T> {
  let portion: T[] = [];
  let bytes = 0;
  let part = limits.first ?? 1;
  let sum = emptyCapture();
  /** What may be under way, and the newest, which may wait for it. */
  let underway: readonly Promise<void>[] = [];
  const behind = async (before: Promise<unknown>, taken: readonly T[]): Promise<void> => {
    await before;
    const report = await take(taken);
    sum = added(sum, report);
  };
  const send = async (): Promise<void> => {
    const taken = portion;
    if (taken.length === 0) return void (await Promise.all(underway));
    // At once, since another call may come while this one waits.
    [portion, bytes] = [[], 0];
    part = Math.min(1, 2 * part);
    const rest = underway.slice(Math.max(0, underway.length - (limits.atOnce ?? 1) + 1));
    const before = Promise.all(underway.slice(0, underway.length - rest.length));
    const work = behind(before, taken);
    work.catch(() => undefined); // thrown where it is awaited
    underway = [...rest, work];
    await before;
  };
  return {
    async add(entry, size) {
      portion.push(entry);
      bytes += size;
      if (portion.length >= part * limits.entries || bytes >= part * limits.bytes) await send();
    },
    send,
    get isEmpty() {
      return portion.length === 0;
    },
    async finish() {
      await send();
      await Promise.all(underway);
      return sum;
    },
  };
}

export function emptyCapture(): CaptureReport {
  return { commits: 0, changes: 0, bytes: 0, noted: 0, conflicts: [], refused: [] };
}

function added(a: CaptureReport, b: CaptureReport): CaptureReport {
  return {
    commits: a.commits + b.commits,
    changes: a.changes + b.changes,
    bytes: a.bytes + b.bytes,
    noted: a.noted + b.noted,
    conflicts: [...a.conflicts, ...b.conflicts],
    refused: [...a.refused, ...b.refused],
  };
}
