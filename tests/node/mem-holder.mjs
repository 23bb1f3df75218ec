// A worker that has claude-mem's database open: saves a row for each line on stdin, or runs what stands behind `sql `, and says when it did.
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';

const database = new Database(process.argv[2]);
database.pragma('journal_mode = WAL');
database.pragma('wal_autocheckpoint = 0');
const insert = database.prepare(
  `INSERT INTO observations (memory_session_id, project, type, title, narrative, created_at, created_at_epoch)
   VALUES ('m-s', 'app', 'discovery', ?, 'held', '2026-01-01T00:00:00.000Z', ?)`,
);
// No two are made at one time, by whichever worker.
let time = 1_767_225_600_000 + process.pid * 1_000;
process.stdout.write('open\n');
for await (const title of createInterface({ input: process.stdin })) {
  if (title.startsWith('sql ')) database.exec(title.slice(4));
  else insert.run(title, (time += 1));
  process.stdout.write(`${title}\n`);
}
