import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { hasOwnSync } from '../../sources/claude-mem/own-rows.ts';

/** Whether claude-mem here has a sync of its own, as far as its database tells: releases before 13.12 leave the three settings unread. */
export function canSyncItself(file: string): boolean {
  try {
    return mayNotOpen(file) !== null || hasOwnSync(file);
  } catch {
    return true; // its source says what is wrong with it
  }
}
