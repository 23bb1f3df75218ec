import type { Migration } from './migrations.ts';

/** 5: contents of the history may be told by what they add to the one that they were made from. Those that are there stay as they are, whole. */
export const historyMigration: Migration = {
  number: 5,
  name: 'history deltas',
  statements: ({ types: { integer } }) => [
    `alter table history add column base_position ${integer}`,
    `alter table history add column base_ordinal ${integer}`,
  ],
};
