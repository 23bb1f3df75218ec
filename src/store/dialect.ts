/**
 * What differs between the databases, as data: the table code and the migrations are the same for all. Queries that
 * need more than this are written so that both databases take them.
 */
export interface StoreDialect {
  readonly name: 'sqlite' | 'postgres';
  /** Column types. `text` must compare by UTF-8 bytes. */
  readonly types: { readonly binary: string; readonly integer: string; readonly text: string };
  /** The column definition of a numbering primary key. */
  readonly numbering: string;
  /** Said after a table whose rows shall lie in the order of their primary key. */
  readonly clustered: string;
  /** Bound parameters that one statement may have. */
  readonly maxParameters: number;
  /** Rows of one insert: large enough to amortise a round trip, small enough for its statement to be kept. */
  readonly rowsPerInsert: number;
  /** A whole column as one parameter of `unnest`, where that costs less than a parameter for each value. */
  readonly arrayParameter?: (type: 'integer' | 'binary', values: readonly unknown[]) => unknown;
  /** What the transaction of a migration begins with, so that several processes may start at once. */
  readonly migrationLock: readonly string[];
}
