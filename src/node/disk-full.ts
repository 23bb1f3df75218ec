import { DatabaseWithheld } from '../sources/sqlite-rows/row-database.ts';
import { StoreUnusable } from '../store/store-unusable.ts';

const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);

/** Whether something failed for want of room: it goes on by itself once there is some. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof StoreUnusable && error.reason === 'full') return true;
  return ('code' in error && CODES.has(error.code)) || isDiskFull(error.cause);
}

/** Milliseconds. Whether there is room again, or a database may be opened, costs little to find out, and nothing else tells. */
const LOOK_AGAIN = 10_000;

/** The pause before what failed is tried again. */
export function pauseAfter(error: unknown, pause: number): number {
  return isDiskFull(error) || error instanceof DatabaseWithheld ? Math.min(pause, LOOK_AGAIN) : pause;
}

/** What went wrong, in words for people. */
export function sayTrouble(error: unknown): string {
  if (isDiskFull(error)) return 'the disk is full; it goes on by itself when there is room';
  return error instanceof Error ? error.message : String(error);
}
