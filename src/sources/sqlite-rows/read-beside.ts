import { rememberBodySha256 } from '../../core/crypto/body-hash.ts';
import { decodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import type { PageBodies, RowPage } from './row-reader.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

/** All rows of all tables, read elsewhere while those before are taken. */
export interface Reading {
  /** All that there are of the next rows of a table, and those of them that are not as they are known; none in the end. */
  next(access: TableAccess): Promise<{ readonly rowids: readonly number[]; readonly rows: readonly FoundRow[] }>;
  end(): Promise<void>;
}

const PAGES_AHEAD = 3;
const DIGEST = 16;
const SHA256 = 32;

/** `null` where there is no other thread, or it is not worth it, or it would open other files than are open here, or rows are judged by those that they refer to. */
export async function beginReading(context: RowsContext, tables: ReadonlyMap<string, TableAccess>): Promise<Reading | null> {
  const { memory, database, readBeside, file, limits } = context;
  if (memory.isScoped || readBeside === undefined || database.isApart()) return null;
  const count = await database.read(() => [...tables.values()].reduce((sum, access) => sum + access.count(), 0));
  const known = [...tables.keys()].reduce((sum, id) => sum + memory.index.rows(id).size + memory.index.skipped(id).size, 0);
  const withBodies = count - known >= limits.seriesRows;
  if (!withBodies && count < limits.readBesideRows) return null;
  const reader = await readBeside({ file, identity: database.identity() ?? '', withBodies });
  if (reader === null) return null;
  const asked = new Map<string, Promise<RowPage>[]>();
  return {
    async next(access) {
      const { id } = access.shape.profile;
      const ahead = asked.get(id) ?? [];
      asked.set(id, ahead);
      while (ahead.length < PAGES_AHEAD) {
        const page = reader.next(id);
        page.catch(() => undefined); // thrown where it is awaited
        ahead.push(page);
      }
      const page = await (ahead.shift() as Promise<RowPage>);
      return { rowids: page.rowids, rows: await foundOf(context, access, page) };
    },
    async end() {
      await Promise.allSettled([...asked.values()].flat());
      await reader.end();
    },
  };
}

/** Rows that are known, and are others than they were, are read here: they are few. */
async function foundOf({ memory, database }: RowsContext, access: TableAccess, page: RowPage): Promise<FoundRow[]> {
  const { shape } = access;
  const { id } = shape.profile;
  const skipped = memory.index.skipped(id);
  const found: (FoundRow | number)[] = [];
  let offset = 0;
  for (const [index, rowid] of page.rowids.entries()) {
    const digest = page.digests.slice(DIGEST * index, DIGEST * (index + 1));
    const place = memory.index.at(id, rowid);
    const length = page.bodies?.lengths[index] ?? 0;
    if (place === undefined && page.bodies !== null) {
      if (skipped.get(rowid)?.digest !== digest) found.push(readyRow(access, page.bodies, index, offset, rowid, digest));
    } else if (place === undefined ? skipped.get(rowid)?.digest !== digest : place.digest !== digest || place.mask !== shape.mask)
      found.push(rowid);
    offset += length;
  }
  if (found.every((each) => typeof each !== 'number')) return found;
  return database.read(() => found.flatMap((each) => (typeof each === 'number' ? (access.at(each) ?? []) : each)));
}

function readyRow(
  { shape }: TableAccess,
  { parents, names, parentNames, bytes, lengths, sha256 }: PageBodies,
  index: number,
  offset: number,
  rowid: number,
  digest: string,
): FoundRow {
  const parent = parents[index] ?? null;
  const body = bytes.subarray(offset, offset + (lengths[index] ?? 0));
  rememberBodySha256(body, sha256.subarray(SHA256 * index, SHA256 * (index + 1)));
  let row: Row | null = null;
  return {
    rowid,
    parent,
    digest,
    get row() {
      row ??= withoutReference(body, shape.profile.reference?.key);
      return row;
    },
    ready: { parent: typeof parent === 'number' ? (parentNames.get(parent) ?? null) : null, natural: names[index] ?? null, body },
  };
}

function withoutReference(body: Uint8Array, key: string | undefined): Row {
  const decoded = decodeRow(body);
  if (!decoded.ok) throw new Error(`a row that was just read is none: ${decoded.error}`);
  const row = new Map(decoded.value);
  if (key !== undefined) row.delete(key);
  return row;
}
