import type { Database } from 'better-sqlite3';
import type { MachineId, SpaceId } from '../../core/ids.ts';
import { SHELVES, type FoundPassage, type IndexHits, type PassageFilter, type SearchTerm } from '../../core/ports/text-index.ts';
import { toMatch } from './to-match.ts';

/** What a hit in a title, the text, the tags counts. */
const WEIGHTS = '4, 1, 2';

/** A prompt of claude-mem says its session only, which says the project. */
const PROJECT = `coalesce(p.project, (select min(s.project) from passages s where s.session = p.session and s.shelf = 0))`;
const TIME = 'coalesce(p.time, i.changed)';
const COLUMNS = `s.id as space, i.kind, i.name, i.machine, p.ordinal, p.shelf, p.type, ${PROJECT} as project, p.session, ${TIME} as time, p.title, p.start, p.length`;
const TABLES = 'passages p join items i on i.number = p.item join spaces s on s.number = i.space';
/** A session is one with its subagents; all else stands for itself. */
const GROUP = `case when p.shelf = ${SHELVES.indexOf('sessions')} then coalesce(p.session, 'of item ' || p.item) else p.number end`;
/** Rows that only say what others belong to. */
const SHOWN = `p.type <> 'session'`;

interface PassageRow {
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

interface HitRow extends PassageRow {
  readonly passages: number;
  readonly total: number;
}

export function searchPassages(
  database: Database,
  terms: readonly SearchTerm[],
  { match, filter, limit }: { readonly match: 'all' | 'some'; readonly filter: PassageFilter; readonly limit: number },
): IndexHits {
  const expression = terms.length === 0 ? null : toMatch(terms, match);
  if (terms.length > 0 && expression === null) return { hits: [], total: 0 };
  const where = conditions(filter);
  const sql =
    expression === null
      ? `select ${COLUMNS}, count(*) as passages, count(*) over () as total, max(${TIME}) as newest from ${TABLES}
         where ${[SHOWN, ...where.sql].join(' and ')} group by ${GROUP} order by newest desc, i.name, p.ordinal limit ?`
      : `with matched as materialized (select rowid as number, bm25(words, ${WEIGHTS}) as rank from words where words match ?)
         select ${COLUMNS}, count(*) as passages, count(*) over () as total, min(m.rank) as best
         from matched m join passages p on p.number = m.number join items i on i.number = p.item join spaces s on s.number = i.space
         where ${['1', ...where.sql].join(' and ')} group by ${GROUP} order by best, time desc, i.name, p.ordinal limit ?`;
  const rows = database.prepare(sql).all(...(expression === null ? [] : [expression]), ...where.values, limit) as HitRow[];
  return { hits: rows.map((row) => ({ ...toPassage(row), passages: row.passages })), total: rows[0]?.total ?? 0 };
}

export function passagesOfItem(database: Database, item: number, from: number, to: number): FoundPassage[] {
  const sql = `select ${COLUMNS} from ${TABLES} where p.item = ? and p.ordinal between ? and ? order by p.ordinal`;
  return (database.prepare(sql).all(item, from, to) as PassageRow[]).map(toPassage);
}

export function passagesAround(
  database: Database,
  { item, number, time }: FoundPassage,
  filter: PassageFilter,
  { before, after }: { readonly before: number; readonly after: number },
): FoundPassage[] {
  const where = conditions(filter);
  const key = `(coalesce(${TIME}, 0), i.kind, i.name, p.ordinal)`;
  const rows = (compare: string, order: string, limit: number): PassageRow[] =>
    database
      .prepare(
        `select ${COLUMNS} from ${TABLES} where ${[SHOWN, ...where.sql, `${key} ${compare} (?, ?, ?, ?)`].join(' and ')}
         order by coalesce(${TIME}, 0) ${order}, i.kind ${order}, i.name ${order}, p.ordinal ${order} limit ?`,
      )
      .all(...where.values, time ?? 0, item.kind, item.name, number, limit) as PassageRow[];
  return [...rows('<', 'desc', before).toReversed(), ...rows('>=', 'asc', after + 1)].map(toPassage);
}

export function valuesOf(database: Database, of: 'type' | 'project'): Map<string, number> {
  const value = of === 'type' ? 'p.type' : PROJECT;
  const sql = `select ${value} as value, count(*) as count from passages p where ${SHOWN} group by 1 having value is not null order by 2 desc, 1`;
  return new Map((database.prepare(sql).all() as { value: string; count: number }[]).map((row) => [row.value, row.count]));
}

/** FTS5's own list of words, as it folds them. */
export function wordsWith(database: Database, text: string, limit: number): string[] {
  database.exec("create virtual table if not exists temp.vocabulary using fts5vocab('main', 'words', 'row')");
  const sql = 'select term from temp.vocabulary where instr(term, ?) > 1 order by length(term), term limit ?';
  return database.prepare(sql).pluck().all(text, limit) as string[];
}

function conditions(filter: PassageFilter): { readonly sql: string[]; readonly values: (string | number)[] } {
  const [sql, values]: [string[], (string | number)[]] = [[], []];
  const among = (column: string, wanted: readonly (string | number)[] | undefined): void => {
    if (wanted === undefined) return;
    sql.push(`${column} in (select value from json_each(?))`);
    values.push(JSON.stringify(wanted));
  };
  among('s.id', filter.spaces);
  among(
    'p.shelf',
    filter.shelves?.map((shelf) => SHELVES.indexOf(shelf)),
  );
  among('p.type', filter.types);
  among(PROJECT, filter.projects);
  among('i.machine', filter.machines);
  if (filter.since !== undefined) {
    sql.push(`${TIME} >= ?`);
    values.push(filter.since);
  }
  if (filter.until !== undefined) {
    sql.push(`${TIME} < ?`);
    values.push(filter.until);
  }
  return { sql, values };
}

function toPassage(row: PassageRow): FoundPassage {
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
