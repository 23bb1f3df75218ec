import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { createSqliteKysely } from './sqlite-kysely.ts';

it('binds a limit within an expression, of which SQLite does not ask the value: a kept statement stays prepared', async () => {
  const database = new Database(':memory:');
  database.exec('create table spaces (number integer primary key, id blob); insert into spaces values (1, null), (2, null), (3, null)');
  const db = createSqliteKysely(database);
  const query = db.selectFrom('spaces').select('number').orderBy('number').limit(2);
  expect(query.compile()).toMatchObject({ sql: 'select "number" from "spaces" order by "number" limit ? + 0', parameters: [2] });
  expect(await query.execute()).toEqual([{ number: 1 }, { number: 2 }]);
  await db.destroy();
});
