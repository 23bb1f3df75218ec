import { statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isOpenHere } from '../sqlite-rows/open-here.ts';
import type { Ailment, Repaired } from './ailment.ts';
import { blockedBy } from './ailment.ts';
import { settle } from './held-file.ts';
import { lookAtHolders, userOf, type HoldersLook } from './holders.ts';
import { keepBytes } from './keep-copy.ts';
import { lookAtState } from './mem-state.ts';
import { signOfForeignWal } from './signs-of-foreign.ts';
import { WAL_HEADER } from './wal-frames.ts';

/**
 * A write-ahead log that is not of the database beside it (one of the two was replaced): whoever opens them plays the pages of one over those
 * of the other. Only where nobody has them open. Both files stay as they are. Cost: as of {@link signOfForeignWal}; where there is no log, or
 * it was looked at before, two stats.
 */
export function lookForForeignWal(file: string, holders = lookAtHolders(file)): Ailment | null {
  const sign = foreignSign(file, holders);
  if (sign === null) return null;
  return {
    id: 'wal',
    result: 'fail',
    severity: 'high',
    reason: 'the write-ahead log beside the database is not of this database: whoever opens it undoes what is there',
    evidence: [sign],
    would: [
      'copy the database and the log',
      'move the log away, so that the database is what it is without',
      'take the rows in that only the log has, where it can be read',
    ],
    advice: null,
    repair: (backups) => setAside(file, backups),
  };
}

/** Whether a database must not be opened as it stands. Cost: as of {@link lookForForeignWal}. */
export function hasForeignWal(file: string, holders = lookAtHolders(file)): boolean {
  return foreignSign(file, holders) !== null;
}

/** What was found the last time, by database: the same files say the same again. */
const found = new Map<string, { readonly marks: string; readonly sign: string | null }>();

function foreignSign(file: string, holders: HoldersLook): string | null {
  const marks = marksOf(file);
  if (marks === null) return null;
  const known = found.get(file);
  if (known?.marks === marks) return known.sign;
  if (isOpen(file, holders)) return null;
  const sign = signOfForeignWal(file);
  // Somebody writes there who is not told of, as in a container: it was not one state that was looked at.
  if (marksOf(file) !== marks) return null;
  found.set(file, { marks, sign });
  return sign;
}

/** Which files they are, and as of when; `null` where there are no two. */
function marksOf(file: string): string | null {
  const [main, wal] = [file, `${file}-wal`].map((name) => statSync(name, { bigint: true, throwIfNoEntry: false }));
  if (main === undefined || wal === undefined || main.size === 0n || wal.size <= BigInt(WAL_HEADER)) return null;
  return [main, wal].map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(':')).join();
}

/**
 * Whether somebody works with the log that is there, also this very process: whoever does sees the two as one already. Where nobody can tell who
 * has it open, this process knows of itself, and claude-mem says whether its worker runs.
 */
function isOpen(file: string, holders: HoldersLook): boolean {
  if (isOpenHere(file)) return true;
  const all = holders.all();
  if (all === null) return userOf(file) !== null;
  return all.some(({ files }) => files.some(({ part, isInPlace }) => part === 'wal' && isInPlace));
}

async function setAside(file: string, backups: string): Promise<Repaired> {
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const kept = path.join(backups, 'claude-mem.db');
  await keepBytes(file, kept);
  await keepBytes(`${file}-wal`, `${kept}-wal`);
  const together = path.join(backups, 'with-its-log');
  await mkdir(together, { recursive: true, mode: 0o700 });
  const both = path.join(together, 'claude-mem.db');
  await keepBytes(file, both);
  await keepBytes(`${file}-wal`, `${both}-wal`);
  // All that there was is kept twice by now.
  await rm(`${file}-wal`, { force: true });
  await rm(`${file}-shm`, { force: true });
  const rescued = isReadable(both) ? [settle(both)] : [];
  const lines = [`The log is in ${kept}-wal; the database is what it is without.`];
  return { type: 'done', lines, backup: kept, rescued, isOther: true };
}

/** Rows are whole or are not there, also where what finds them again does not fit. */
function isReadable(copy: string): boolean {
  const { isWhole, rows } = lookAtState(copy);
  return isWhole && rows.size > 0;
}
