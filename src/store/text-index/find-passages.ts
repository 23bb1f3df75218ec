import type { Database } from 'better-sqlite3';
import type { FoundPassage, IndexHits, PassageFilter, SearchTerm } from '../../core/ports/text-index.ts';
import { createPassageQueries, toHits, toPassage, type HitRow, type PassageRow, type Query } from './passage-queries.ts';
import { WEIGHTS } from './rank-passages.ts';
import { toMatch } from './to-match.ts';

const queries = createPassageQueries({
  prefix: '',
  parameter: () => '?',
  list: () => 'in (select value from json_each(?))',
});

export function searchPassages(
  database: Database,
  terms: readonly SearchTerm[],
  { match, filter, limit }: { readonly match: 'all' | 'some'; readonly filter: PassageFilter; readonly limit: number },
): IndexHits {
  const expression = terms.length === 0 ? null : toMatch(terms, match);
  if (terms.length > 0 && expression === null) return { hits: [], total: 0 };
  const sql = `select rowid as number, bm25(words, ${WEIGHTS.join(', ')}) as rank from words where words match ?`;
  const matched = expression === null ? null : { sql, values: [expression] };
  return toHits(rowsOf<HitRow>(database, queries.search(matched, filter, limit)));
}

export function passagesOfItem(database: Database, item: number, from: number, to: number): FoundPassage[] {
  return rowsOf<PassageRow>(database, queries.ofItem(item, from, to)).map(toPassage);
}

export function passagesAround(
  database: Database,
  passage: FoundPassage,
  filter: PassageFilter,
  { before, after }: { readonly before: number; readonly after: number },
): FoundPassage[] {
  const earlier = rowsOf<PassageRow>(database, queries.before(passage, filter, before)).toReversed();
  return [...earlier, ...rowsOf<PassageRow>(database, queries.from(passage, filter, after + 1))].map(toPassage);
}

export function valuesOf(database: Database, of: 'type' | 'project'): Map<string, number> {
  const rows = rowsOf<{ readonly value: string; readonly count: number }>(database, queries.values(of));
  return new Map(rows.map(({ value, count }) => [value, count]));
}

/** FTS5's own list of words, as it folds them. */
export function wordsWith(database: Database, text: string, limit: number): string[] {
  database.exec("create virtual table if not exists temp.vocabulary using fts5vocab('main', 'words', 'row')");
  const sql = 'select term from temp.vocabulary where instr(term, ?) > 1 order by length(term), term limit ?';
  return database.prepare(sql).pluck().all(text, limit) as string[];
}

function rowsOf<T>(database: Database, { sql, values }: Query): T[] {
  return database.prepare(sql).all(...values.map((value) => (Array.isArray(value) ? JSON.stringify(value) : value))) as T[];
}
