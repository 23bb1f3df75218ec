import { existsSync, statSync } from 'node:fs';
import { whyMalformed } from '../../sources/claude-mem-health/damage.ts';
import { findMissingTables } from '../../sources/claude-mem-health/schema-drift.ts';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { whyUnreadable } from '../../sources/claude-mem-health/unreadable.ts';
import { whyOtherColumns } from '../../sources/claude-mem/own-rows.ts';

/** Why nothing can be done with claude-mem's database as it stands, and what helps. */
export interface Unusable {
  readonly type: 'no-file' | 'no-access' | 'locked' | 'another' | 'held-back' | 'damaged' | 'unknown-schema';
  readonly reason: string;
  readonly next: string;
}

/** `null` where it can be used, and where there is none: claude-mem makes it. Reads only. O(size), and two seconds where somebody has locked it. */
export function whyUnusable(file: string): Unusable | null {
  const unreadable = isFile(file) ? null : whyUnreadable(file);
  if (unreadable !== null || !existsSync(file)) return unreadable;
  const heldBack = mayNotOpen(file);
  if (heldBack !== null)
    return {
      type: 'held-back',
      reason: `claude-mem’s database must not be opened as it stands: ${heldBack}`,
      next: 'See what would be done about it: satchel claude-mem repair',
    };
  return whyUnreadable(file) ?? damaged(file) ?? unknownSchema(file);
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function damaged(file: string): Unusable | null {
  const problem = whyMalformed(file);
  if (problem === null) return null;
  return {
    type: 'damaged',
    reason: `claude-mem’s database is damaged (${problem}): ${file}`,
    next: 'Stop its worker (npx claude-mem stop), move claude-mem.db and what begins with its name away, and start it again',
  };
}

/** Without a table that its worker made once; or of a release that has its own sync, but not the columns of its rows. */
function unknownSchema(file: string): Unusable | null {
  const [table] = findMissingTables(file);
  if (table !== undefined)
    return {
      type: 'unknown-schema',
      reason: `claude-mem’s database lacks the table ${table}: ${file}`,
      next: 'See how it is made anew: satchel doctor',
    };
  const problem = whyOtherColumns(file);
  if (problem === null) return null;
  return {
    type: 'unknown-schema',
    reason: `the tables of claude-mem’s database are not as this Satchel knows them (${problem}): ${file}`,
    next: 'Start its worker once (npx claude-mem start), which adds what is missing; else run: satchel claude-mem repair schema',
  };
}
