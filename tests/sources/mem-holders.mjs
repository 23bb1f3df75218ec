// A process that has databases of claude-mem open, as workers have: one line `verb path text` on stdin each, answered when it was done.
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';

const open = new Map();
const verbs = {
  open(file) {
    const database = new Database(file);
    database.pragma('journal_mode = WAL');
    database.pragma('wal_autocheckpoint = 0');
    open.set(file, database);
  },
  save(file, title) {
    open
      .get(file)
      .prepare(
        `INSERT INTO observations (memory_session_id, project, type, title, narrative, created_at, created_at_epoch)
         VALUES ('m-s', 'app', 'discovery', ?, 'held', '2026-01-01T00:00:00.000Z', 1767225600000)`,
      )
      .run(title);
  },
  copyBack(file) {
    open.get(file).pragma('wal_checkpoint(TRUNCATE)');
  },
  close(file) {
    open.get(file).close();
    open.delete(file);
  },
};
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, file, text] = line.split('\t');
  try {
    verbs[verb](file, text);
    process.stdout.write('ok\n');
  } catch (error) {
    process.stdout.write(`${error.message}\n`);
  }
}
