import { OperationFailure } from '../operations/operation.ts';

/** What SQLite says of claude-mem's database, as a refusal; other errors as they are. */
export function unreadableDatabase(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'SqliteError') return error;
  return new OperationFailure(
    'failed',
    'unreadable-database',
    `claude-mem’s database cannot be read: ${error.message}`,
    'Run: satchel doctor',
  );
}
