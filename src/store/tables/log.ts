import { CompiledQuery } from 'kysely';
import {
  bytesToHex,
  commitKey,
  hexToBytes,
  type CommitId,
  type CommitKey,
  type MachineId,
  type RecordHash,
  type SpaceId,
} from '../../core/ids.ts';
import { EMPTY_HEAD, type Head } from '../../core/log/record.ts';
import type { LogTable } from '../../core/ports/store.ts';
import { insertBatches, listBatches, valuesOf } from './batches.ts';
import { createFallenRecords } from './fallen.ts';
import type { RecordRow } from '../schema.ts';
import { COMMIT, CONTROL, RECORD_COLUMNS, RECORD_TYPES, recordToRow, rowToRecord } from './record-row.ts';
import { spacesOf, type TableScope } from './scope.ts';

const INSERT_ARRAYS = `insert into log_records (${RECORD_TYPES.map(([name]) => name).join(', ')})
  select * from unnest(${RECORD_TYPES.map(([, type], index) => `$${index + 1}::${type === 'integer' ? 'bigint' : 'bytea'}[]`).join(', ')})`;
/** A commit's key is its signer, so long, and its id. */
const MACHINE_HEX = 64;

export function createLogTable(scope: TableScope): LogTable {
  const { dialect, kept } = scope;
  const fallen = createFallenRecords(scope);
  /** Looked up in this transaction, which nobody else writes to the log beside. */
  const heads = new Map<number, Head | null>();

  async function headOf(number: number | null): Promise<Head | null> {
    if (number === null) return null;
    const known = heads.get(number);
    if (known !== undefined) return known;
    const head = await lookUpHead(number);
    heads.set(number, head);
    return head;
  }

  /** What stood in the log is looked up anew. */
  async function changed(space: SpaceId): Promise<void> {
    const number = await scope.numberOf(space);
    if (number !== null) heads.delete(number);
  }

  async function lookUpHead(number: number): Promise<Head | null> {
    const [row] = await kept('head', [number, 1], () =>
      scope.db
        .selectFrom('log_records')
        .select(['term', 'position', 'hash'])
        .where('space', '=', number)
        .orderBy('position', 'desc')
        .limit(1),
    );
    return row === undefined ? null : { term: row.term, position: row.position, hash: bytesToHex(row.hash) as RecordHash };
  }

  async function insert(rows: readonly RecordRow[]): Promise<void> {
    const { arrayParameter } = dialect;
    if (arrayParameter !== undefined && rows.length > 1) {
      const parameters = RECORD_TYPES.map(([name, type]) => {
        const values = rows.map((row) => row[name]);
        return arrayParameter(type, values);
      });
      await kept('append as arrays', parameters, () => ({ compile: () => CompiledQuery.raw(INSERT_ARRAYS, parameters) }));
      return;
    }
    for (const batch of insertBatches(dialect, RECORD_TYPES.length, rows)) {
      await kept(`append ${batch.length}`, valuesOf(batch), () => scope.db.insertInto('log_records').values(batch));
    }
  }

  return {
    head: async (space) => headOf(await scope.numberOf(space)),

    async spaces() {
      const all = await spacesOf(scope.db);
      const used: SpaceId[] = [];
      for (const { number, id } of all) if ((await headOf(number)) !== null) used.push(id);
      return used;
    },

    async append(space, expected, records) {
      scope.writing('logs');
      const number = await scope.numberFor(space);
      const head = (await headOf(number)) ?? EMPTY_HEAD;
      if (head.position !== expected.position || head.hash !== expected.hash) return false;
      records.forEach((record, index) => {
        if (record.position !== head.position + 1 + index) throw new RangeError(`record ${record.position} does not follow the head`);
      });
      await insert(records.map((record) => recordToRow(number, record)));
      const last = records.at(-1);
      if (last !== undefined) heads.set(number, { term: last.term, position: last.position, hash: last.hash });
      return true;
    },

    async fill(space, records) {
      scope.writing('logs');
      const number = await scope.numberFor(space);
      const head = await headOf(number);
      for (const record of records) {
        if (head !== null && record.position > head.position)
          throw new RangeError(`record ${record.position} is no gap: it lies behind the head`);
        const there = await scope.db
          .selectFrom('log_records')
          .select('hash')
          .where('space', '=', number)
          .where('position', '=', record.position)
          .executeTakeFirst();
        if (there === undefined) await scope.db.insertInto('log_records').values(recordToRow(number, record)).execute();
        else if (bytesToHex(there.hash) !== record.hash) throw new RangeError(`another record stands at ${record.position}`);
      }
      heads.delete(number);
    },

    async read(space, from, limit) {
      const number = await scope.numberOf(space);
      if (number === null || limit.records < 1) return [];
      const until = await lastWithin(scope, number, from, limit);
      if (until === null) return [];
      const rows = await kept('records', [number, from, until], () =>
        scope.db
          .selectFrom('log_records')
          .select(RECORD_COLUMNS)
          .where('space', '=', number)
          .where('position', '>=', from)
          .where('position', '<=', until)
          .orderBy('position'),
      );
      return rows.map(rowToRecord);
    },

    async commits(space, from, limit) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const rows = await kept('commits', [number, from, limit], () =>
        scope.db
          .selectFrom('log_records')
          .select(['position', 'signer', 'id'])
          .where('space', '=', number)
          .where('position', '>=', from)
          .where('type', '=', (eb) => eb.lit(COMMIT)) // bound, SQLite prepares it anew each time: the partial index may serve then
          .orderBy('position')
          .limit(limit),
      );
      return rows.map((row) => ({
        position: row.position,
        signer: bytesToHex(row.signer) as MachineId,
        id: bytesToHex(row.id) as CommitId,
      }));
    },

    async controls(space, from) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const rows = await kept('controls', [number, from], () =>
        scope.db
          .selectFrom('log_records')
          .select(RECORD_COLUMNS)
          .where('space', '=', number)
          .where('position', '>=', from)
          .where('type', '=', (eb) => eb.lit(CONTROL)) // literal, so that the partial index serves
          .orderBy('position'),
      );
      return rows.map(rowToRecord);
    },

    async positionsOf(space, commits) {
      const found = new Map<CommitKey, number[]>();
      const number = await scope.numberOf(space);
      if (number === null) return found;
      const wanted = new Set(commits);
      const ids = [...new Set(commits.map((commit) => commit.slice(MACHINE_HEX)))];
      for (const batch of listBatches(dialect, ids)) {
        const keys = batch.map(hexToBytes);
        const query = () =>
          scope.db.selectFrom('log_records').select(['id', 'signer', 'position']).where('space', '=', number).where('id', 'in', keys);
        const rows = await (keys.length === 1 ? kept('positions', [number, keys[0]], query) : query().execute());
        // Sorted here: asked to sort, SQLite reads the whole log in its order instead of the few by their ids.
        for (const row of rows.toSorted((one, other) => one.position - other.position)) {
          const key = commitKey(bytesToHex(row.signer) as MachineId, bytesToHex(row.id) as CommitId);
          if (wanted.has(key)) found.set(key, [...(found.get(key) ?? []), row.position]);
        }
      }
      return found;
    },

    async fallBack(space, position) {
      await fallen.fallBack(space, position);
      await changed(space);
    },
    fallen: fallen.list,
    dropFallen: fallen.drop,

    async remove(space) {
      scope.writing('logs');
      const number = await scope.numberOf(space);
      if (number === null) return;
      await scope.db.deleteFrom('log_records').where('space', '=', number).execute();
      await scope.db.deleteFrom('fallen_records').where('space', '=', number).execute();
      heads.delete(number);
    },
  };
}

/** The last position to give, found by lengths alone, so that no more than `limit` is ever loaded. */
async function lastWithin(
  scope: TableScope,
  space: number,
  from: number,
  limit: { readonly records: number; readonly bytes: number },
): Promise<number | null> {
  const rows = await scope.kept('sizes', [space, from, limit.records], () =>
    scope.db
      .selectFrom('log_records')
      .select((eb) => ['position', eb.fn<number>('length', ['bytes']).as('size')])
      .where('space', '=', space)
      .where('position', '>=', from)
      .orderBy('position')
      .limit(limit.records),
  );
  let bytes = 0;
  let last: number | null = null;
  for (const row of rows) {
    bytes += row.size;
    if (last !== null && bytes > limit.bytes) break;
    last = row.position;
  }
  return last;
}
