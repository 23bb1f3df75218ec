import type { StoreDialect } from './dialect.ts';
import type { Migration } from './migrations.ts';

/** 2: what gateways served, by number. */
export const feedMigration: Migration = { number: 2, name: 'feeds', statements };

function statements(dialect: StoreDialect): readonly string[] {
  const { integer, text } = dialect.types;
  return [
    `create table feeds (number ${dialect.numbering}, name ${text} not null unique, epoch ${text} not null, head ${integer} not null)`,
    // Not clustered: bodies are large, and a look-up by entity must not drag them along.
    `create table feed_entries (feed ${integer} not null references feeds (number), number ${integer} not null, entity ${text} not null,
      revision ${text} not null, digest ${text} not null, subject ${text} not null, origin ${text} not null, time ${integer} not null, body ${text} not null,
      primary key (feed, number))`,
    `create unique index feed_entries_entity on feed_entries (feed, entity, revision)`,
    `create index feed_entries_subject on feed_entries (feed, subject) where subject <> ''`,
  ];
}
