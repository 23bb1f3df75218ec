import type { Migration } from './migrations.ts';

/** 6: what the writer of a feed's entry said, where another body is served in its place. Of those that are there it is not known. */
export const saidMigration: Migration = {
  number: 6,
  name: 'said in feeds',
  statements: ({ types: { text } }) => [`alter table feed_bodies add column said ${text}`],
};
