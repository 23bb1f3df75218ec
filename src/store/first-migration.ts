import type { StoreDialect } from './dialect.ts';
import type { Migration } from './migrations.ts';

/** 1: logs, the state replayed from them, drafts, views, documents. */
export const firstMigration: Migration = { number: 1, name: 'first', statements };

function statements(dialect: StoreDialect): readonly string[] {
  const { binary, integer, text } = dialect.types;
  const space = `space ${integer} not null references spaces (number)`;
  const item = `kind ${text} not null, name ${text} not null`;
  const record = `position ${integer} not null, hash ${binary} not null, id ${binary} not null, signer ${binary} not null, term ${integer} not null, type ${integer} not null, bytes ${binary} not null`;
  return [
    `create table spaces (number ${dialect.numbering}, id ${binary} not null unique)`,

    // Not clustered: records are large, and a look-up by id must not drag them along.
    `create table log_records (${space}, ${record}, primary key (space, position))`,
    `create index log_records_id on log_records (space, id)`,
    `create index log_records_control on log_records (space, position) where type = 2`,
    `create table fallen_records (${space}, sequence ${integer} not null, ${record}, primary key (space, hash))`,

    `create table items (${space}, ${item}, revision ${binary} not null, position ${integer} not null,
      size ${integer} not null, content ${binary}, primary key (space, kind, name)) ${dialect.clustered}`,
    `create table history (${space}, position ${integer} not null, ordinal ${integer} not null, ${item}, revision ${binary} not null,
      base ${binary}, type ${integer} not null, content ${binary}, primary key (space, position, ordinal)) ${dialect.clustered}`,
    `create index history_item on history (space, kind, name, position, ordinal)`,
    `create index history_revision on history (space, revision)`,
    `create table siblings (${space}, ${item}, sibling ${binary} not null, base ${binary}, position ${integer} not null,
      content ${binary}, primary key (space, kind, name, sibling)) ${dialect.clustered}`,

    `create table drafts (${space}, id ${binary} not null, sequence ${integer} not null, bytes ${binary} not null, primary key (space, id))`,
    `create unique index drafts_sequence on drafts (space, sequence)`,
    `create table views (${space}, writer ${text} not null, ${item}, shown ${binary}, intended ${binary}, not_here ${text},
      local ${text}, primary key (space, writer, kind, name)) ${dialect.clustered}`,
    `create table documents (collection ${text} not null, id ${text} not null, value ${text} not null,
      primary key (collection, id)) ${dialect.clustered}`,
  ];
}
