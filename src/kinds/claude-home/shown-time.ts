import { recordsBackwards } from './session-records.ts';

const DAY = 24 * 60 * 60_000;
/** What lies further back is pressed together by this. */
const PRESSED = 1_000;
/** Further back than this from the end is not looked. */
const END_BYTES = 1024 * 1024;

/**
 * When a transcript's file should say that it was modified: `claude --continue` takes the newest of a folder, and Claude Code
 * deletes what is older than some weeks. So the order is that of the last records, and all are fresh: up to a
 * day back as it was, then a thousandth of the time. `null` where no record says when it was written. Milliseconds.
 */
export function shownTime(end: Uint8Array, now: number): number | null {
  const last = lastTime(end);
  if (last === null) return null;
  const age = Math.max(0, now - last);
  return age <= DAY ? now - age : now - DAY - (age - DAY) / PRESSED;
}

/** When the last record with a time was written. Milliseconds since 1970. */
export function lastTime(end: Uint8Array): number | null {
  for (const { timestamp } of recordsBackwards(end.subarray(-END_BYTES))) {
    const time = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
    if (!Number.isNaN(time)) return time;
  }
  return null;
}
