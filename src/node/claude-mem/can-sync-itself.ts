import { hasForeignWal } from '../../sources/claude-mem-health/foreign-wal.ts';
import { hasOwnSync } from '../../sources/claude-mem/own-rows.ts';

/** Whether claude-mem here has a sync of its own, as far as its database tells: releases before 13.12 leave the three settings unread. */
export function canSyncItself(file: string): boolean {
  try {
    return hasForeignWal(file) || hasOwnSync(file);
  } catch {
    return true; // its source says what is wrong with it
  }
}
