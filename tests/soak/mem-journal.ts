import type { MemDatabase } from '../sources/mem-database.ts';
import { keyOf } from '../sources/mem-deeds.mjs';
import type { MemDeedAt } from './mem-writer.ts';

/** What one machine's writer did, and from when to when its node was away. */
export interface MachineJournal {
  readonly journal: readonly MemDeedAt[];
  readonly away: readonly (readonly [from: number, to: number])[];
}

const VALUE_COLUMN: Readonly<Record<string, readonly string[]>> = {
  observations: ['subtitle', 'title'],
  session_summaries: ['notes'],
  user_prompts: [],
  sdk_sessions: ['custom_title'],
};

/**
 * What of several writers' journals a database, in the end, does not bear out: a row that nobody deleted and that is not there; one that was
 * deleted, that nobody else edited meanwhile, and that is there still; one that is there twice; an edit of which nothing is left, not even
 * among `conflicts`, the bodies of open ones.
 */
export function journalProblems(journals: readonly MachineJournal[], database: MemDatabase, conflicts: string): string[] {
  const problems: string[] = [];
  for (const table of Object.keys(VALUE_COLUMN)) {
    const rows = database.sql.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
    const there = new Map<string, Record<string, unknown>>();
    for (const row of rows) {
      const key = keyOf(table, row);
      if (there.has(key)) problems.push(`${table} ${key} is there twice`);
      there.set(key, row);
    }
    const known = new Set<string>();
    for (const [key, { makers, deleters, unseen, editors, edits }] of deedsByKey(journals, table)) {
      known.add(key);
      const row = there.get(key);
      const isHeld = table !== 'observations' || !database.hasFewTypes;
      if (deleters.size === 0 && row === undefined && isHeld) problems.push(`${table} ${key} is lost`);
      // A session comes back for the rows that others add to it meanwhile.
      const isAlone = editors.size === 0 || new Set([...editors, ...deleters]).size === 1;
      // A row that was just written when the node was killed, and that it had not noted yet, comes again where it was deleted before the next start
      // and nobody can tell: one of very many, or all that there was.
      const isNew = [...deleters].every((deleter) => unseen.has(deleter) && !makers.has(deleter));
      const isGone = deleters.size > 0 && isAlone && !isNew && table !== 'sdk_sessions';
      if (isGone && row !== undefined) problems.push(`${table} ${key} came back`);
      if (deleters.size > 0 || row === undefined || edits.size === 0) continue;
      const values = (VALUE_COLUMN[table] ?? []).filter((column) => column in row).map((column) => row[column]);
      const isKept = values.some((value) => edits.has(value as string)) || [...edits].some((edit) => conflicts.includes(`"${edit}"`));
      if (values.length > 0 && !isKept) problems.push(`${table} ${key} holds ${values.join()}, none of the edits ${[...edits].join()}`);
    }
    for (const key of there.keys()) if (!known.has(key)) problems.push(`${table} ${key} was never written`);
  }
  return problems;
}

interface Deeds {
  readonly makers: Set<number>;
  readonly deleters: Set<number>;
  /** Those whose node was away then. */
  readonly unseen: Set<number>;
  readonly editors: Set<number>;
  readonly edits: Set<string>;
}

function deedsByKey(journals: readonly MachineJournal[], table: string): Map<string, Deeds> {
  const found = new Map<string, Deeds>();
  for (const [writer, { journal, away }] of journals.entries()) {
    for (const { deed, key, value, at } of journal.filter((each) => each.table === table)) {
      const deeds = found.get(key) ?? { makers: new Set(), deleters: new Set(), unseen: new Set(), editors: new Set(), edits: new Set() };
      found.set(key, deeds);
      if (deed === 'put') deeds.makers.add(writer);
      if (deed === 'delete') deeds.deleters.add(writer);
      if (deed === 'delete' && away.some(([from, to]) => at >= from && at <= to)) deeds.unseen.add(writer);
      if (deed === 'edit') deeds.editors.add(writer);
      if (value !== null) deeds.edits.add(value);
    }
  }
  return found;
}
