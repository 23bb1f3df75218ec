import type { Database } from 'better-sqlite3';
import { IndexDamaged } from '../../core/ports/text-index.ts';

/** Of the tables, and of what is put into them: what is indexed of a kind, how words are told apart. Another one is made anew. */
export const INDEX_VERSION = 3;

/** FTS5 keeps words and places only (`content=''`): what is shown is read from the bodies. Columns: title, text, tags. */
const TABLES = `
  create table spaces (number integer primary key, id text not null unique, mark text);
  create table items (number integer primary key, space integer not null, kind text not null, name text not null, digest text,
    bytes integer not null, prefix text not null, passages integer not null, machine text, changed integer, unsettled integer not null,
    called text not null, unique (space, kind, name));
  create index items_called on items (called);
  create index items_unsettled on items (space) where unsettled = 1;
  create table passages (number integer primary key, item integer not null, ordinal integer not null, shelf integer not null,
    type text not null, project text, session text, time integer, title text not null, start integer not null, length integer not null);
  create index passages_item on passages (item, ordinal);
  create index passages_session on passages (session, project) where shelf = 0;
  create virtual table words using fts5(title, text, tags, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
  -- Words of one transaction are sorted in memory, up to so many bytes, and merged less often: a third less work where there is much.
  insert into words (words, rank) values ('hashsize', 33554432);
  insert into words (words, rank) values ('automerge', 8);
`;

/** Makes the tables of a new file. Throws {@link IndexDamaged} for one of another version. */
export function prepareIndex(database: Database): void {
  const version = database.pragma('user_version', { simple: true });
  if (version === INDEX_VERSION) return;
  if (version !== 0 || database.prepare('select count(*) from sqlite_master').pluck().get() !== 0)
    throw new IndexDamaged(`it is of version ${String(version)}`);
  database.transaction(() => {
    database.exec(TABLES);
    database.pragma(`user_version = ${INDEX_VERSION}`);
  })();
}
