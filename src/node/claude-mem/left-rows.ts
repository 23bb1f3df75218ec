import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { STOP_WORKER, type Ailment, type Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { mixedUnder } from '../../sources/claude-mem-health/held-standing.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { listLeftRows, lookForLeftRows, putLeftRows, type LeftLook, type LeftRows } from '../../sources/claude-mem-health/left-rows.ts';
import { columnsOf, lookInto } from '../../sources/claude-mem-health/mem-tables.ts';
import { sentRows } from '../../sources/claude-mem/sent-rows.ts';
import { counted } from '../counted.ts';
import type { SatchelNode } from '../node.ts';
import type { SyncPath } from './sync-path.ts';

/** Collection: copies of claude-mem's database of which some rows went to no space, and may be nowhere else. */
const LEFT = 'claude-mem-left-rows';

interface Note {
  readonly copy: string;
  readonly rows: LeftRows;
  readonly isPast: boolean;
}

const idOf = (copy: string): string => createHash('sha256').update(copy).digest('hex').slice(0, 16);

/** Keeps in mind which rows of a copy are in no space. `carried`: all others, by table. `isPast`: it is of an
 * earlier state of the database that stands there. Durable when it resolves. O(rows of the copy). */
export async function noteLeftRows(
  { store }: Pick<SatchelNode, 'store'>,
  copy: string,
  carried: ReadonlyMap<string, ReadonlySet<number>>,
  isPast: boolean,
): Promise<void> {
  const note: Note = { copy, rows: listLeftRows(copy, carried), isPast };
  if (Object.keys(note.rows).length === 0) return;
  await store.write((tx) => tx.documents.put(LEFT, idOf(copy), note));
}

/**
 * Rows of copies that were made in repairs which went to no space (projects that stay here, what tools were given, what nobody carries), and
 * are not in the database that is there now. O(rows left).
 */
export async function findLeftRows({ store }: Pick<SatchelNode, 'store'>, file: string, way: SyncPath): Promise<Ailment[]> {
  const notes = await store.read((tx) => tx.documents.list<Note>(LEFT));
  const looks = notes.map(({ value: { copy, rows, isPast } }): LeftLook => {
    const sent = way.type === 'none' ? new Map<string, ReadonlySet<number>>() : sentRows(copy, way.type === 'own');
    return { file, copy, left: rows, sent, isPast };
  });
  const found = looks.map((look) => ({ look, tables: lookForLeftRows(look) })).filter(({ tables }) => tables.size > 0);
  if (found.length === 0) return [];
  const total = found.flatMap(({ tables }) => [...tables.values()]).reduce((sum, count) => sum + count, 0);
  return [
    {
      id: 'left-rows',
      result: 'warn',
      severity: 'high',
      reason: `${counted(total, 'row', 'rows')} of a database that was rescued ${total === 1 ? 'goes' : 'go'} to no space, and ${total === 1 ? 'is' : 'are'} in its copy alone`,
      evidence: found.map(({ look, tables }) => `${look.copy}: ${[...tables].map(([table, count]) => `${table} ${count}`).join(', ')}`),
      would: [`put ${total === 1 ? 'it' : 'them'} into the database that is there now`],
      advice: null,
      repair: (backups) => putBack({ store }, looks, file, backups),
    },
  ];
}

async function putBack(
  { store }: Pick<SatchelNode, 'store'>,
  looks: readonly LeftLook[],
  file: string,
  backups: string,
): Promise<Repaired> {
  if (!isThere(file))
    return {
      type: 'blocked',
      reason: 'claude-mem’s database is not there yet',
      next: 'Start its worker (npx claude-mem start), and run this again',
    };
  const mixed = mixedUnder(file);
  if (mixed !== null) return { type: 'blocked', reason: mixed, next: STOP_WORKER };
  const backup = await keepDatabase(file, backups, 'claude-mem');
  const sum = { put: 0, waiting: 0, refused: 0 };
  for (const look of looks) {
    if (!existsSync(look.copy)) continue;
    const { put, waiting, refused } = putLeftRows(look);
    [sum.put, sum.waiting, sum.refused] = [sum.put + put, sum.waiting + waiting, sum.refused + refused];
    // From here on they are claude-mem's again, to be deleted as well.
    if (waiting + refused === 0) await store.write((tx) => tx.documents.remove(LEFT, idOf(look.copy)));
  }
  const lines = [
    ...(sum.put === 0 ? [] : [`Put ${counted(sum.put, 'row', 'rows')} that no space has into claude-mem’s database.`]),
    ...(sum.refused === 0
      ? []
      : [`It does not take ${counted(sum.refused, 'row', 'rows')}, as another has its place: they stay in the copy.`]),
  ];
  if (sum.waiting === 0) return { type: 'done', lines, backup, rescued: [] };
  const waits = `${counted(sum.waiting, 'row waits', 'rows wait')} for the session that ${sum.waiting === 1 ? 'it is' : 'they are'} of`;
  return {
    type: 'blocked',
    reason: sum.put === 0 ? waits : `put ${counted(sum.put, 'row', 'rows')} back; ${waits}`,
    next: 'Have the others written first (satchel pending), and run this again: satchel claude-mem repair left-rows --yes',
  };
}

function isThere(file: string): boolean {
  return lookInto(file, (database) => columnsOf(database, 'sdk_sessions').size > 0) === true;
}
