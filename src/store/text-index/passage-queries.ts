import type { MachineId, SpaceId } from '../../core/ids.ts';
import { SHELVES, type FoundPassage, type IndexHits, type PassageFilter } from '../../core/ports/text-index.ts';

/**
 * Questions to the tables of an index, in words that both databases take. Their names have `prefix` before them, so that they can stand
 * among others.
 */
export interface IndexDialect {
  readonly prefix: string;
  /** The next parameter of a statement, and one that is a list, as the right side of a comparison for being in it. */
  readonly parameter: (number: number) => string;
  readonly list: (number: number, type: 'text' | 'bigint') => string;
}

export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number | null | readonly (string | number)[])[];
}

type Value = Query['values'][number];

export interface PassageRow {
  readonly space: string;
  readonly kind: string;
  readonly name: string;
  readonly machine: string | null;
  readonly ordinal: number;
  readonly shelf: number;
  readonly type: string;
  readonly project: string | null;
  readonly session: string | null;
  readonly time: number | null;
  readonly title: string;
  readonly start: number;
  readonly length: number;
}

export interface HitRow extends PassageRow {
  readonly passages: number;
  readonly total: number;
}

export interface PassageQueries {
  /** `matched`: a relation of `number` and `rank`, with its parameters; `null`: all passages, the newest first. */
  search(matched: Query | null, filter: PassageFilter, limit: number): Query;
  ofItem(item: number, from: number, to: number): Query;
  /** Nearest first. */
  before(passage: FoundPassage, filter: PassageFilter, limit: number): Query;
  from(passage: FoundPassage, filter: PassageFilter, limit: number): Query;
  values(of: 'type' | 'project'): Query;
}

const TIME = 'coalesce(p.time, i.changed)';
/** Rows that only say what others belong to. */
const SHOWN = `p.type <> 'session'`;
const SESSIONS = SHELVES.indexOf('sessions');
/** Of passages that count the same, and of what they stand for. */
const ORDER = 'time desc nulls last, name, ordinal, kind, space';

export function createPassageQueries({ prefix, parameter, list }: IndexDialect): PassageQueries {
  /** A prompt of claude-mem says its session only, which says the project. */
  const project = `coalesce(p.project, (select min(s.project) from ${prefix}passages s where s.session = p.session and s.shelf = 0))`;
  const columns = `s.id as space, i.kind, i.name, i.machine, p.ordinal, p.shelf, p.type, ${project} as project, p.session, ${TIME} as time, p.title, p.start, p.length`;
  const joins = `join ${prefix}items i on i.number = p.item join ${prefix}spaces s on s.number = i.space`;

  function conditions(filter: PassageFilter, values: Value[]): string[] {
    const sql: string[] = [];
    const bind = (value: Value): number => values.push(value);
    const among = (column: string, wanted: readonly (string | number)[] | undefined, type: 'text' | 'bigint' = 'text'): void => {
      if (wanted !== undefined) sql.push(`${column} ${list(bind(wanted), type)}`);
    };
    const shelves = filter.shelves?.map((shelf) => SHELVES.indexOf(shelf));
    among('s.id', filter.spaces);
    among('p.shelf', shelves, 'bigint');
    among('p.type', filter.types);
    among(project, filter.projects);
    among('i.machine', filter.machines);
    if (filter.since !== undefined) sql.push(`${TIME} >= ${parameter(bind(filter.since))}`);
    if (filter.until !== undefined) sql.push(`${TIME} < ${parameter(bind(filter.until))}`);
    return sql;
  }

  function around(passage: FoundPassage, filter: PassageFilter, limit: number, side: '<' | '>='): Query {
    const values: Value[] = [];
    const where = [SHOWN, ...conditions(filter, values)];
    const { item, number, time, space } = passage;
    const key = [`coalesce(${TIME}, 0)`, 'i.kind', 'i.name', 'p.ordinal', 's.id'];
    const here = [time ?? 0, item.kind, item.name, number, space].map((value) => parameter(values.push(value)));
    where.push(`(${key.join(', ')}) ${side} (${here.join(', ')})`);
    const order = key.map((column) => `${column} ${side === '<' ? 'desc' : 'asc'}`);
    return {
      sql: `select ${columns} from ${prefix}passages p ${joins} where ${where.join(' and ')} order by ${order.join(', ')} limit ${parameter(values.push(limit))}`,
      values,
    };
  }

  return {
    search(matched, filter, limit) {
      const values: Value[] = [...(matched?.values ?? [])];
      const source = matched === null ? `${prefix}passages p` : `matched m join ${prefix}passages p on p.number = m.number`;
      const where = [matched === null ? SHOWN : '1 = 1', ...conditions(filter, values)];
      const rank = matched === null ? '0' : 'm.rank';
      // What is shown of a passage is looked up for those that are shown. A session is one with its subagents; all else stands for itself.
      const key = `p.number, p.ordinal, ${TIME} as time, i.name, i.kind, s.id as space`;
      const part = `case when p.shelf = ${SESSIONS} then coalesce('s ' || p.session, 'i ' || p.item) end`;
      return {
        sql: `with ${matched === null ? '' : `matched as materialized (${matched.sql}),`}
          found as materialized (select ${key}, ${rank} as rank, ${part} as part from ${source} ${joins} where ${where.join(' and ')}),
          placed as (
            select found.*, 1 as passages, 1 as place from found where part is null
            union all
            select found.*, count(*) over (partition by part), row_number() over (partition by part order by rank, ${ORDER})
              from found where part is not null),
          listed as (select placed.*, count(*) over () as total from placed where place = 1 order by rank, ${ORDER} limit ${parameter(values.push(limit))})
          select ${columns}, l.passages, l.total from listed l join ${prefix}passages p on p.number = l.number ${joins}
            order by l.rank, ${ORDER.replaceAll(/\b(?=time|name|ordinal|kind|space)/g, 'l.')}`,
        values,
      };
    },
    ofItem(item, from, to) {
      const values: Value[] = [];
      const [a, b, c] = [item, from, to].map((value) => parameter(values.push(value)));
      const sql = `select ${columns} from ${prefix}passages p ${joins} where p.item = ${a} and p.ordinal between ${b} and ${c} order by p.ordinal`;
      return { sql, values };
    },
    before: (passage, filter, limit) => around(passage, filter, limit, '<'),
    from: (passage, filter, limit) => around(passage, filter, limit, '>='),
    values: (of) => ({
      sql: `select value, count(*) as count from (select ${of === 'type' ? 'p.type' : project} as value from ${prefix}passages p where ${SHOWN}) v
        where value is not null group by value order by 2 desc, 1`,
      values: [],
    }),
  };
}

export function toHits(rows: readonly HitRow[]): IndexHits {
  return { hits: rows.map((row) => ({ ...toPassage(row), passages: row.passages })), total: rows[0]?.total ?? 0 };
}

export function toPassage(row: PassageRow): FoundPassage {
  const { type, project, session, time, title, start, length } = row;
  return {
    space: row.space as SpaceId,
    item: { kind: row.kind, name: row.name },
    number: row.ordinal,
    shelf: SHELVES[row.shelf] ?? 'files',
    machine: row.machine as MachineId | null,
    ...{ type, project, session, time, title, start, length },
  };
}
