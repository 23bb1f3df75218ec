import { bodySha256 } from '../../core/crypto/body-hash.ts';
import { encodeRow } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import { createRowDatabase } from './row-database.ts';
import { impliedRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

/** What a reader on another thread has to know. */
export interface ReaderStart {
  readonly file: string;
  /** Of the very file that is meant. */
  readonly identity: string;
  /** Whether rows come with their bodies, as most of them are new; else with digests alone. */
  readonly withBodies: boolean;
}

/** Rows of a table, in the order of their rowids. */
export interface RowPage {
  readonly rowids: readonly number[];
  /** 16 hex digits each. */
  readonly digests: string;
  readonly bodies: PageBodies | null;
}

export interface PageBodies {
  /** Of each row the one that it refers to, as in {@link FoundRow}. */
  readonly parents: readonly FoundRow['parent'][];
  /** Their natural keys, and those of the rows that they refer to, by rowid, which the bodies were made with. */
  readonly names: readonly (string | null)[];
  readonly parentNames: ReadonlyMap<number, string>;
  /** One behind the other, and how long each is. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  /** 32 bytes each. */
  readonly sha256: Uint8Array<ArrayBuffer>;
}

/** Reads rows through a connection of its own, elsewhere than on this thread. */
export interface RowReader {
  /** The rows of a table behind those that it gave before; none in the end. Each page is of one state of the database. */
  next(table: string): Promise<RowPage>;
  end(): Promise<void>;
}

const DIGEST_ROWS = 2_000;
const BODY_ROWS = { first: 100, most: 500 };
const PAGE_BYTES = 2 * 1024 * 1024;
const SHA256 = 32;

/** Throws where the database cannot be opened, or is another one. */
export function createRowReader(
  { file, identity, withBodies }: ReaderStart,
  { profile, clock }: Pick<RowsContext, 'profile' | 'clock'>,
): RowReader {
  const database = createRowDatabase(file, profile, clock, { isHeldByOthers: () => true });
  if (database.look() === 'missing' || database.identity() !== identity) {
    database.close();
    throw new Error('another database is in its place');
  }
  const reached = new Map<string, number>();
  /** Natural keys of rows that others may refer to. */
  const names = new Map<string, Map<number, string>>();
  const referred = new Set(profile.tables.flatMap(({ reference }) => reference?.table ?? []));
  let rowsOfPage = withBodies ? BODY_ROWS.first : DIGEST_ROWS;

  const withBodiesOf = ({ shape }: TableAccess, rows: readonly FoundRow[]): PageBodies => {
    const { id, reference, nameOf } = shape.profile;
    const known = reference === null ? undefined : names.get(reference.table);
    const own = new Map<number, string>();
    const parentNames = new Map<number, string>();
    const bodies: Uint8Array[] = [];
    const naturals = rows.map(({ rowid, row, parent }) => {
      const parentName = typeof parent === 'number' ? (known?.get(parent) ?? null) : null;
      if (typeof parent === 'number' && parentName !== null) parentNames.set(parent, parentName);
      const body = newBody(shape, row, parentName);
      bodies.push(encodeRow(body));
      const name = nameOf(impliedRow(shape, body));
      if (name !== null) own.set(rowid, name);
      return name;
    });
    if (referred.has(id)) names.set(id, new Map([...(names.get(id) ?? []), ...own]));
    const lengths = bodies.map(({ length }) => length);
    const size = lengths.reduce((sum, length) => sum + length, 0);
    const [bytes, sha256] = [new Uint8Array(size), new Uint8Array(SHA256 * rows.length)];
    let offset = 0;
    for (const [index, body] of bodies.entries()) {
      bytes.set(body, offset);
      sha256.set(bodySha256(body), SHA256 * index);
      offset += body.length;
    }
    rowsOfPage = Math.max(1, Math.min(BODY_ROWS.most, Math.floor((PAGE_BYTES * rows.length) / Math.max(1, size)), 2 * rowsOfPage));
    return { parents: rows.map(({ parent }) => parent), names: naturals, parentNames, bytes, lengths, sha256 };
  };

  return {
    async next(table) {
      const access = database.tables().get(table);
      if (access === undefined) throw new Error('a table went away');
      const rows = await database.read(() => access.page(reached.get(table) ?? -1, rowsOfPage));
      const last = rows.at(-1);
      if (last !== undefined) reached.set(table, last.rowid);
      const bodies = withBodies && last !== undefined ? withBodiesOf(access, rows) : null;
      return { rowids: rows.map(({ rowid }) => rowid), digests: rows.map(({ digest }) => digest).join(''), bodies };
    },
    async end() {
      database.close();
      await Promise.resolve();
    },
  };
}
