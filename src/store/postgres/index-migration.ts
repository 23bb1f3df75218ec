import type { Migration } from '../migrations.ts';

/**
 * 4, of PostgreSQL alone: the index of words. Derived, so that nothing refers to it, and what is in it is made anew where its meaning changes
 * (`INDEX_VERSION`). `index_words` has what a word's passages of one block are, in `postings.ts`' bytes; those of passages that went stay for a while.
 */
export const indexMigration: Migration = {
  number: 4,
  name: 'index',
  statements: ({ types: { binary, integer, text }, numbering }) => [
    `create table index_state (id ${integer} primary key, version ${integer} not null, generation ${integer} not null,
      next_passage ${integer} not null, passages ${integer} not null, words ${integer} not null)`,
    `insert into index_state values (1, 0, 0, 1, 0, 0)`,
    `create table index_spaces (number ${numbering}, id ${text} not null unique, mark ${text}, generation ${integer} not null)`,
    `create table index_items (number ${numbering}, space ${integer} not null, kind ${text} not null, name ${text} not null, digest ${text},
      bytes ${integer} not null, prefix ${text} not null, passages ${integer} not null, machine ${text}, changed ${integer},
      unsettled ${integer} not null, called ${text} not null, unique (space, kind, name))`,
    `create index index_items_called on index_items (called)`,
    `create index index_items_unsettled on index_items (space) where unsettled = 1`,
    `create table index_passages (number ${integer} primary key, item ${integer} not null, ordinal ${integer} not null, shelf ${integer} not null,
      type ${text} not null, project ${text}, session ${text}, time ${integer}, title ${text} not null, start ${integer} not null,
      length ${integer} not null, worded ${integer} not null)`,
    `create index index_passages_item on index_passages (item, ordinal)`,
    `create index index_passages_session on index_passages (session, project) where shelf = 0`,
    `create table index_words (word ${text} not null, block ${integer} not null, whole ${text}, postings ${binary} not null, primary key (word, block))`,
    `alter table index_words alter column postings set storage external`,
    `create index index_words_block on index_words (block)`,
    `create table index_dead (passage ${integer} primary key)`,
  ],
};
