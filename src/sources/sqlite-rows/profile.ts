import type { Row, RowValue } from '../../kinds/rows/row-body.ts';

/** Which rows of a database are items, as data. What a table or column is called is the only thing that the source knows of it. */
export interface RowsProfile {
  readonly kind: string;
  /** Before all names. */
  readonly prefix: string;
  /** Tables before those that refer to them. */
  readonly tables: readonly TableProfile[];
  /** Tables of which nothing travels, whose rows refer to such that do: no row goes while one of them needs it. */
  readonly guarded: readonly TableProfile[];
  /** Which of the tables a name is of; `null`: none of this profile. */
  readonly tableOf: (name: string) => string | null;
  /** The name of a row that stands beside another one under its natural key. */
  readonly twinOf: (name: string, body: Uint8Array) => string;
}

export interface TableProfile {
  readonly id: string;
  /** In the database. */
  readonly table: string;
  /** What travels; nothing else of the table is read or written. New ones go to the end: notes count them. */
  readonly columns: readonly string[];
  /** What columns were called before. */
  readonly formerly: { readonly [column: string]: string };
  /** What a column means to the natural key where a table does not have it. */
  readonly implied: { readonly [column: string]: RowValue };
  /** Columns that never change while a row is the same: the row at a known place is another one where they differ. */
  readonly constant: readonly string[];
  /** Columns in which a row says what hardly another one says: what is left of them tells it from others when some were edited. */
  readonly words: readonly string[];
  readonly reference: ReferenceProfile | null;
  /** What a column would hold where a table does not have it: worked out from the row and the one that it refers to. */
  readonly derived: { readonly [column: string]: (row: Row, parent: Row | null) => RowValue };
  /**
   * Rows that the other program made up for one that it had heard of, under a value of `column` that is theirs alone. They are no items;
   * the row that they stand for takes their place.
   */
  readonly standIns: { readonly column: string; readonly isOne: (row: Row) => boolean } | null;
  /** `null`: the other program does not number states of these rows. */
  readonly revisions: RevisionProfile | null;
  /** The natural key of a row, `reference.key` in it as in a body. `null`: it has none. */
  readonly nameOf: (row: Row) => string | null;
}

/** How the other program numbers the states of a row that it tells others of, where a table has these columns. */
export interface RevisionProfile {
  /** Holds a decimal number, as a text. */
  readonly column: string;
  /** NULL in rows of this machine's own: of others the numbers are given out elsewhere. */
  readonly origin: string;
  /** Columns of the row that it refers to which are part of its state. */
  readonly ofParent: readonly string[];
  /** Where else the number of a state stands that is to be told no more: under the row's number `of` and its `kind`. */
  readonly alongside: {
    readonly table: string;
    readonly of: string;
    readonly kinds: string;
    readonly kind: string;
    readonly column: string;
  };
}

/** A foreign key, by natural key: in a body stands the name of the row that is meant. */
export interface ReferenceProfile {
  /** Its key in bodies. */
  readonly key: string;
  /** The table that it refers to, by id. */
  readonly table: string;
  /** Columns that say it, and what they are equal to in the other table. The first that a table has counts. */
  readonly via: readonly { readonly column: string; readonly equals: string }[];
}
