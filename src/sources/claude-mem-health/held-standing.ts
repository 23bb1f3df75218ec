import { isOpenHere } from '../sqlite-rows/open-here.ts';
import { fitsMemory, type DatabasePart } from './database-part.ts';
import { isSomethingThere, lookAtHolders, type HeldFile, type Holder } from './holders.ts';

/**
 * How what a process has of a database stands to what is at its names. `whole`: it is that. `apart`: it is a set of its own, so that nobody
 * else is in its way. `mixed`: some of it is, so that whoever opens the names reads what does not belong together, and what the two write
 * destroys each other's. `overwritten`: the database is in place, but the log that the process has was written over or cut.
 */
export type HeldStanding = 'whole' | 'apart' | 'mixed' | 'overwritten';

/** A process that goes on with something else than what stands at the names. */
export interface Stray {
  readonly holder: Holder;
  readonly standing: Exclude<HeldStanding, 'whole'>;
  /** What it has that does not stand at its name. */
  readonly strays: readonly HeldFile[];
  /** False where its log was written over or cut: what only that had is lost, and the rest must not be read with it. */
  readonly hasItsLog: boolean;
}

/** All that go on with something else; none where the system does not tell. Reads only. O(open files of this user). */
export function straysOf(file: string, holders = lookAtHolders(file)): Stray[] {
  return (holders.others() ?? []).flatMap((holder): Stray[] => {
    const strays = holder.files.filter(({ isInPlace }) => !isInPlace);
    const hasItsLog = isOpenHere(file) || hasLog(holder.files, strays);
    const isHere = strays.every(({ part }) => part !== 'database');
    const standing = isHere && !hasItsLog ? 'overwritten' : standingOf(holder);
    return standing === 'whole' ? [] : [{ holder, standing, strays, hasItsLog }];
  });
}

/**
 * Why a database must not be opened: another process has a part of what stands there, and another part elsewhere. `null`: nothing says so.
 * Cost: as of {@link straysOf}; where nothing stands there, as for all who do not use claude-mem, three stats.
 */
export function mixedUnder(file: string, holders = lookAtHolders(file)): string | null {
  if (!isSomethingThere(file)) return null;
  const stray = straysOf(file, holders).find(({ standing }) => standing !== 'apart');
  if (stray === undefined) return null;
  return `process ${stray.holder.pid} (${stray.holder.program}) goes on with files of it that were moved, deleted or written over (satchel claude-mem repair open-file)`;
}

function standingOf({ files }: Holder): HeldStanding {
  const [there, elsewhere] = [partsOf(files, true), partsOf(files, false)];
  if (elsewhere.size === 0) return 'whole';
  if (there.size === 0 || files.every(({ part }) => part === 'database')) return 'apart';
  // It may have opened what is there, too, since.
  const isSet = elsewhere.has('database') && elsewhere.has('wal') && elsewhere.has('shm');
  return isSet && (there.size === 3 || (there.size === 1 && there.has('database'))) ? 'apart' : 'mixed';
}

function partsOf(files: readonly HeldFile[], isInPlace: boolean): Set<DatabasePart> {
  return new Set(files.filter((each) => each.isInPlace === isInPlace).map(({ part }) => part));
}

function hasLog(files: readonly HeldFile[], strays: readonly HeldFile[]): boolean {
  const [wal, shm] = (['wal', 'shm'] as const).map((part) => [...strays, ...files].find((each) => each.part === part));
  return wal === undefined || shm === undefined || fitsMemory(wal.handle, shm.handle);
}
