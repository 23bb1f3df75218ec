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
}

/**
 * Hands on what was found in portions, one after the other, each of at most so many entries and (but for its last entry) bytes. While one
 * portion is taken the next is collected; what goes wrong with one is thrown by the next call, and nothing is taken after it.
 */
export function createPortions<T>(limits: PortionLimits, take: (portion: readonly T[]) => Promise<CaptureReport>): Portions<T> {
  let portion: T[] = [];
  let bytes = 0;
  let part = limits.first ?? 1;
  let sum = emptyCapture();
  let underway: Promise<void> = Promise.resolve();
  const behind = async (before: Promise<void>, taken: readonly T[]): Promise<void> => {
    await before;
    sum = added(sum, await take(taken));
  };
  const send = async (): Promise<void> => {
    const [before, taken] = [underway, portion];
    if (taken.length === 0) return before;
    // At once, since another call may come while this one waits.
    [portion, bytes] = [[], 0];
    part = Math.min(1, 2 * part);
    underway = behind(before, taken);
    underway.catch(() => undefined); // thrown where it is awaited
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
      await underway;
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
