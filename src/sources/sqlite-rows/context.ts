import type { Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import type { SourceState } from '../file-tree/reports.ts';
import type { RowsProfile } from './profile.ts';
import type { RowDatabase } from './row-database.ts';
import type { HeldRows } from './held-back.ts';
import type { RowPast, StateNote } from './row-past.ts';
import { isOutOfScope, type RowScope } from './row-scope.ts';
import { isPlanned, placeOf, RowIndex } from './row-index.ts';
import type { ReaderStart, RowReader } from './row-reader.ts';
import type { RowWriter, WriterStart } from './row-writer.ts';

export interface RowsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Times in milliseconds. */
export interface RowsLimits {
  /** More deletions than this, and more than half of what is shown, wait for an answer. */
  readonly deletions: number;
  /** More deletions than this wait, however much is shown. */
  readonly manyDeletions: number;
  /** Deletions within this time count together. */
  readonly deletionsWindowMs: number;
  /** Of writes to the file, of which a commit is several; what was not committed yet is not seen, so that nothing is read too early. */
  readonly quietMs: number;
  readonly busyMs: number;
  /** How often to ask whether somebody committed, where nothing tells. */
  readonly pollMs: number;
  /** The same where others go on with a log that has no name any more: nothing else tells, and what they have not copied back is gone with them. */
  readonly apartMs: number;
  /** After changes old rows are compared too: when nothing happened for so long, or … */
  readonly reconcileQuietMs: number;
  /** … after so long at the latest; later where comparing takes more than 2 % of the time. */
  readonly reconcileMs: number;
  /** Where there is no database: how often to look for one. */
  readonly absentMs: number;
  /** The last rows of a table are compared every time. */
  readonly newestRows: number;
  /** Rows of one transaction. */
  readonly batchRows: number;
  /** Bodies that another thread was given to write and did not write yet, but for one batch. */
  readonly underwayBytes: number;
  /** So many rows to write, or to capture, are worth another thread. */
  readonly seriesRows: number;
  /** So many rows to compare are. */
  readonly readBesideRows: number;
}

export const ROWS_LIMITS: RowsLimits = {
  deletions: 20,
  manyDeletions: 2_000,
  deletionsWindowMs: 60_000,
  quietMs: 3,
  busyMs: 200,
  pollMs: 2_000,
  apartMs: 250,
  reconcileQuietMs: 1_000,
  reconcileMs: 5_000,
  absentMs: 10_000,
  newestRows: 100,
  batchRows: 2_000,
  underwayBytes: 16 * 1024 * 1024,
  seriesRows: 1_000,
  readBesideRows: 5_000,
};

/** What a source knows between rounds. All of it can be lost. */
export interface RowsMemory {
  state: SourceState;
  readonly index: RowIndex;
  isIndexed: boolean;
  /** Views of what an apply was about to show when the process before this one ended, by `itemKey`. */
  readonly interrupted: Map<string, View>;
  /** Of those, items whose rows were to be new, which nobody looked for yet. */
  planned: View[];
  /** Up to which rowid of a table numbers were given in this round to rows that are to be written. */
  readonly plannedTo: Map<string, number>;
  /** How many numbers are left unused before few new rows, which are written all or none then; 0: some of them may be left out. */
  leftUnused: number;
  /** Up to which rowid all rows of a table were seen. */
  readonly seenTo: Map<string, number>;
  /** `RowDatabase.version` before the last capture, and before the last one that compared everything. */
  version: number | null;
  wholeVersion: number | null;
  /** The same before the last apply. */
  appliedVersion: number | null;
  /** Rows could not be taken yet: their parents were not there. */
  again: boolean;
  /** Items whose row's number is another row's by now. */
  readonly displaced: Set<string>;
  /** Why items are not captured now, by name. */
  readonly skipped: Map<string, string>;
  /** Items of which a release that was put in place since could show more. */
  unshown: Item[];
  /** What cannot be put in place yet, with what it waits for. `isLeaving`: it is to go once nothing refers to it any more. */
  readonly waiting: Map<
    string,
    {
      readonly digest: string;
      readonly reason: string;
      readonly parent: string | null;
      readonly isLeaving: boolean;
      readonly lacksBody?: boolean;
    }
  >;
  readonly deletions: { readonly time: number; readonly table: string; readonly count: number }[];
  /** The last apply failed as a whole, or what an answer has put back could not all be written: it is tried again. */
  hasFailed: boolean;
  /** Another file is open than the one that was looked at last. */
  isOther: boolean;
  readonly confirmed: Set<string>;
  /** The database is another state than the one that was known: what is held of it. `null`: it is not, or somebody said that it counts. */
  held: HeldRows | null;
  /** Something was known of this database, though it may all be deleted. */
  wasKnown: boolean;
  /** What the process before this one noted; `undefined`: that was not looked up yet. */
  lastNote: StateNote | null | undefined;
  /** Nobody put another file in its place since, as far as that is known for sure. Until it was compared. */
  wentOn: boolean;
  /** Somebody said that what the database says counts: it is not judged in this round. */
  isTrusted: boolean;
  /** What the space has of these is written over what stands there, though that was not captured. */
  readonly putBack: Set<string>;
  /** Tables and columns when everything was compared last, and when what is not here was tried last. */
  shape: string | null;
  /** Whether some rows are of other places, and by which state of the scope rows were judged last. */
  isScoped: boolean;
  scopeVersion: number | null;
  /** Items whose rows turned out to be of another place in this round, with the reason. */
  readonly left: Map<string, string>;
  reopenedFor: string | null;
  /** Some items were not here when the index was read. */
  hadNotHere: boolean;
}

export interface RowsContext {
  readonly file: string;
  /** A writer on another thread, where there is one; `null` where it cannot begin now. */
  readonly beside?: (start: WriterStart) => Promise<RowWriter | null>;
  /** The same for a reader. */
  readonly readBeside?: (start: ReaderStart) => Promise<RowReader | null>;
  readonly database: RowDatabase;
  readonly workspace: Workspace;
  readonly profile: RowsProfile;
  readonly clock: Clock;
  readonly log: RowsLog;
  readonly limits: RowsLimits;
  readonly memory: RowsMemory;
  /** What tells an older state by what its rows say. Left out: by numbers alone, and nobody remembers that it was asked about. */
  readonly past?: RowPast;
  /** `false`: it is another database by its purpose, as a copy is; what it says is captured as it is found. Left out: it is not. */
  readonly isJudged?: boolean;
  /** `null`: all rows are of the space. */
  readonly scope: RowScope | null;
  /** Whether a row that is in the space by another way refers to this item. Left out: such rows do, wherever they stand here. */
  readonly isReferredTo?: (name: string) => Promise<boolean>;
  /** Before the views are read: moves on those of what another way wrote. */
  readonly moveOn?: (workspace: Workspace) => Promise<void>;
}

export function createRowsMemory(): RowsMemory {
  return {
    state: { type: 'ok' },
    index: new RowIndex(),
    isIndexed: false,
    interrupted: new Map(),
    planned: [],
    plannedTo: new Map(),
    leftUnused: 1,
    seenTo: new Map(),
    version: null,
    wholeVersion: null,
    appliedVersion: null,
    again: false,
    displaced: new Set(),
    skipped: new Map(),
    unshown: [],
    waiting: new Map(),
    deletions: [],
    hasFailed: false,
    isOther: false,
    confirmed: new Set(),
    held: null,
    wasKnown: false,
    lastNote: undefined,
    wentOn: false,
    isTrusted: false,
    putBack: new Set(),
    shape: null,
    isScoped: false,
    scopeVersion: null,
    left: new Map(),
    reopenedFor: null,
    hadNotHere: false,
  };
}

/** Reads the index from the views, where that was not done. Cost: O(views). */
export async function ensureIndex({ memory, workspace, profile, moveOn }: RowsContext): Promise<void> {
  if (memory.isIndexed) return;
  await moveOn?.(workspace);
  memory.index.clear();
  memory.interrupted.clear();
  memory.displaced.clear();
  memory.planned = [];
  memory.hadNotHere = false;
  for (const [key, view] of await workspace.views()) {
    memory.wasKnown = true;
    if (view.notHere !== null) memory.hadNotHere = true;
    if (view.intended?.content != null) memory.interrupted.set(key, view);
    if (isPlanned(view)) memory.planned.push(view);
    const table = view.item.kind === profile.kind ? profile.tableOf(view.item.name) : null;
    const place = table === null ? null : placeOf(view, table);
    if (place === null) continue;
    if (isOutOfScope(view.notHere)) {
      memory.index.leave(place);
      continue;
    }
    const other = place.rowid === null ? undefined : memory.index.at(place.table, place.rowid);
    // Of two that stood at one number, one was displaced: nobody knows which.
    if (other !== undefined) for (const { name } of [other, place]) memory.displaced.add(name);
    memory.index.set(place);
  }
  memory.isIndexed = true;
}

/** After an error nobody knows what became durable. */
export function forgetIndex(memory: RowsMemory): void {
  memory.isIndexed = false;
  memory.version = null;
  memory.wholeVersion = null;
  memory.seenTo.clear();
  memory.left.clear();
}

/** Lets others run: a long scan must not hold up the process. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
