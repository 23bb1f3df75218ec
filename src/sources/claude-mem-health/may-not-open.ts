import { isAllowedHere } from '../sqlite-rows/open-here.ts';
import { hasForeignWal } from './foreign-wal.ts';
import { mixedUnder } from './held-standing.ts';
import { lookAtHolders } from './holders.ts';

/**
 * Why claude-mem's database must not be opened as it stands, since opening alone would read what is not so, or do harm; `null` where nothing says
 * so. Cost: as of {@link mixedUnder}, and of looking at a log that was not looked at before; three stats where this thread has it open.
 */
export function mayNotOpen(file: string): string | null {
  if (isAllowedHere(file)) return null;
  const holders = lookAtHolders(file);
  return (
    mixedUnder(file, holders) ??
    (hasForeignWal(file, holders) ? 'its write-ahead log is of another database (satchel claude-mem repair wal)' : null)
  );
}
