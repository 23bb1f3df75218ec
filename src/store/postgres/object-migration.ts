import type { Migration } from '../migrations.ts';

/** 3, of PostgreSQL alone: objects, where the hubs share no other place for them. Encrypted, so not compressed. */
export const objectMigration: Migration = {
  number: 3,
  name: 'objects',
  statements: ({ types: { binary } }) => [
    `create table objects (space ${binary} not null, id ${binary} not null, bytes ${binary} not null, primary key (space, id))`,
    `alter table objects alter column bytes set storage external`,
  ],
};

/** As Kysely sees it. */
export interface ObjectSchema {
  readonly objects: { readonly space: Uint8Array; readonly id: Uint8Array; readonly bytes: Uint8Array };
}
