import type { CompiledQuery, Kysely } from 'kysely';
import { bytesToHex, hexToBytes, type SpaceId } from '../../core/ids.ts';
import type { StorePart } from '../../core/ports/store.ts';
import type { StoreDialect } from '../dialect.ts';
import type { StoreSchema } from '../schema.ts';
import { createKeptQueries, type Ask, type KeptQueries } from './kept-queries.ts';

/** What the tables of one transaction share. */
export interface TableScope {
  /** Made when it is first asked for: kept queries do without. */
  readonly db: Kysely<StoreSchema>;
  readonly dialect: StoreDialect;
  readonly kept: KeptQueries;
  /** The number of a space, or `null` where nothing of it is here. */
  numberOf(space: SpaceId): Promise<number | null>;
  /** Says that a part is about to be written: before anything is, so that nobody remembers what it was. */
  readonly writing: (part: StorePart) => void;
  /** The number of a space, given now if it has none. */
  numberFor(space: SpaceId): Promise<number>;
}

/** What a scope keeps. */
export interface Kept {
  /** From transaction to transaction, once the one that gave them is committed. */
  readonly known: Pick<Map<SpaceId, number>, 'get' | 'set'>;
  /** From transaction to transaction. */
  readonly queries: Map<string, CompiledQuery>;
  /** A shorter way than `db` for queries that are compiled already. */
  readonly ask: Ask;
}

/** What `makeDb` makes asks inside of the transaction. */
export function createTableScope(
  makeDb: () => Kysely<StoreSchema>,
  dialect: StoreDialect,
  { known, queries, ask }: Kept,
  writing: (part: StorePart) => void,
): TableScope {
  const kept = createKeptQueries(ask, queries);
  let made: Kysely<StoreSchema> | null = null;
  const db = (): Kysely<StoreSchema> => (made ??= makeDb());

  async function numberOf(space: SpaceId): Promise<number | null> {
    const cached = known.get(space);
    if (cached !== undefined) return cached;
    const id = hexToBytes(space);
    const [row] = await kept('space', [id], () => db().selectFrom('spaces').select('number').where('id', '=', id));
    if (row === undefined) return null;
    known.set(space, row.number);
    return row.number;
  }

  async function numberFor(space: SpaceId): Promise<number> {
    const number = await numberOf(space);
    if (number !== null) return number;
    const row = await db()
      .insertInto('spaces')
      .values({ id: hexToBytes(space) })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('number')
      .executeTakeFirst();
    const given = row?.number ?? (await numberOf(space)); // another process may have been faster
    if (given === null) throw new Error('a space has no number, though one was given');
    known.set(space, given);
    return given;
  }

  return {
    get db() {
      return db();
    },
    dialect,
    kept,
    writing,
    numberOf,
    numberFor,
  };
}

export async function spacesOf(db: Kysely<StoreSchema>): Promise<{ number: number; id: SpaceId }[]> {
  const rows = await db.selectFrom('spaces').selectAll().execute();
  return rows.map((row) => ({ number: row.number, id: bytesToHex(row.id) as SpaceId }));
}
