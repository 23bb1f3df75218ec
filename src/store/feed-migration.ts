import type { StoreDialect } from './dialect.ts';
import type { Migration } from './migrations.ts';

/** 2: what gateways served, by number. Nothing here is looked up but by number: an append touches the ends of the tables alone. */
export const feedMigration: Migration = { number: 2, name: 'feeds', statements };

function statements(dialect: StoreDialect): readonly string[] {
  const { integer, text } = dialect.types;
  return [
    `create table feeds (number ${dialect.numbering}, name ${text} not null unique, epoch ${text} not null, head ${integer} not null)`,
    `create table feed_entries (feed ${integer} not null references feeds (number), number ${integer} not null, entity ${text} not null,
      revision ${text} not null, digest ${text} not null, subject ${text} not null, origin ${text} not null, time ${integer} not null,
      primary key (feed, number)) ${dialect.clustered}`,
    // Apart, and not clustered: they are large.
    `create table feed_bodies (feed ${integer} not null references feeds (number), number ${integer} not null, body ${text} not null,
      primary key (feed, number))`,
  ];
}
