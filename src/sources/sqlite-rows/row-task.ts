import type { RowsLimits, RowsMemory } from './context.ts';
import type { RowDatabase } from './row-database.ts';
import type { Place } from './row-index.ts';

/** A row that is to be written, with all that is needed to do it in one go. */
export interface RowTask {
  readonly name: string;
  readonly table: string;
  /** Where it stands now. */
  readonly place: Place | null;
  /** As it was stored; `null`: it is to be removed. */
  readonly body: Uint8Array | null;
  readonly problem: RowProblem | null;
  /** Where it is to stand, if it is new: it is durably known. `null`: nothing was said. */
  readonly planned: PlannedRow | null;
}

export interface PlannedRow {
  readonly rowid: number;
  /**
   * The first rowid of its table in a batch of which all new rows are written as they were planned, or none. The number before it stays unused:
   * so it is known later whether they were written, though they may be gone. `null`: rows may be left out of it.
   */
  readonly first: number | null;
}

/** Why a row cannot be written now, or at all here. */
export interface RowProblem {
  readonly type: 'waits' | 'not-here';
  readonly lacksBody?: boolean;
  readonly reason: string;
}

/** What writing needs to know. */
export interface WriteContext {
  readonly database: RowDatabase;
  readonly memory: Pick<RowsMemory, 'index' | 'seenTo'>;
  readonly limits: Pick<RowsLimits, 'batchRows'>;
}

export type WriteResult =
  | { readonly type: 'put'; readonly local: string; readonly place: Place }
  | { readonly type: 'removed' }
  /** It changed here since. */
  | { readonly type: 'capture-first' }
  /** It was to be removed, and rows here still refer to it, as it stands at this place. `isGuarded`: rows alone of which nothing travels. */
  | { readonly type: 'revived'; readonly place: Place; readonly isGuarded: boolean }
  /** It was not planned, or not everything could be written as it was: what is about to be written has to be noted before. */
  | { readonly type: 'plan-again' }
  | { readonly type: 'waits'; readonly reason: string; readonly parent: string | null; readonly lacksBody?: boolean }
  | { readonly type: 'not-here'; readonly reason: string };

export interface Written {
  /** One for each row, in their order. */
  readonly results: readonly WriteResult[];
  /** Up to which rowid every row of a table is known now. */
  readonly seenTo: ReadonlyMap<string, number>;
}
