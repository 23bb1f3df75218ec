import type { Query } from './passage-queries.ts';

/** One statement in the transaction that is open. Texts may hold anything. */
export type AskIndex = <Row = unknown>(sql: string, values?: Query['values'] | readonly unknown[]) => Promise<Row[]>;

/** A database with the tables of an index, which other processes use as well. */
export interface IndexDatabase {
  /** One moment of it. */
  read<T>(work: (ask: AskIndex) => Promise<T>): Promise<T>;
  /** May run again, where another transaction was in its way. */
  write<T>(work: (ask: AskIndex) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Of the tables' contents. Another one is made anew. */
export const INDEX_VERSION = 1;
export const PREFIX = 'index_';

export interface StateRow {
  readonly version: number;
  readonly generation: number;
  readonly passages: number;
  readonly words: number;
}

/** Writers of all processes come here one after the other. */
export async function takeTurn(ask: AskIndex): Promise<StateRow> {
  const [state] = await ask<StateRow>('select version, generation, passages, words from index_state for update');
  if (state === undefined) throw new Error('the index has no state');
  return state;
}

/**
 * For questions whose answers have to be sorted. The store's transactions make that the last resort, at a price so high that the server would
 * compile each such question. Indexes stay first: tables that grew since they were analyzed would be read as a whole for a few rows.
 */
export async function allowSorting(ask: AskIndex): Promise<void> {
  await ask("select set_config('enable_sort', 'on', true), set_config('jit', 'off', true)");
}

/** As one that is new; what was there leaves the disk at once. */
export async function clearIndex(ask: AskIndex): Promise<void> {
  // Its turn is taken by this, as by `takeTurn`. Numbers go on, and so no process mistakes what comes for what it looked at.
  await ask(
    `insert into index_state values (1, ${INDEX_VERSION}, 1, 1, 0, 0) on conflict (id) do update
      set version = excluded.version, generation = index_state.generation + 1, passages = 0, words = 0`,
  );
  await ask('truncate index_words, index_dead, index_passages, index_items, index_spaces');
}
