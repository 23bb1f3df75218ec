import { projectFolder } from './project-folder.ts';

export type SessionRecord = Readonly<Record<string, unknown>>;

const NEWLINE = 10;

/** Whole lines that are JSON objects, in order; others are passed over. */
export function* recordsOf(body: Uint8Array): Generator<SessionRecord> {
  for (const { record } of recordsWithPlaces(body)) yield record;
}

/** The same with where each stands, bytes, its newline left out. */
export function* recordsWithPlaces(
  body: Uint8Array,
): Generator<{ readonly record: SessionRecord; readonly start: number; readonly length: number }> {
  for (let start = 0; start < body.length;) {
    const end = body.indexOf(NEWLINE, start);
    if (end === -1) return;
    const record = parseRecord(body.subarray(start, end));
    if (record !== null) yield { record, start, length: end - start };
    start = end + 1;
  }
}

/** The same from the end. A line that is cut off at the start is passed over, since it is no JSON object. */
export function* recordsBackwards(body: Uint8Array): Generator<SessionRecord> {
  for (let end = body.lastIndexOf(NEWLINE); end > 0;) {
    const from = body.lastIndexOf(NEWLINE, end - 1);
    const record = parseRecord(body.subarray(from + 1, end));
    if (record !== null) yield record;
    end = from;
  }
}

function parseRecord(line: Uint8Array): SessionRecord | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SessionRecord) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The folder that a session was started in: the first `cwd` that has this project folder, since a session may move. */
export function findCwd(body: Uint8Array, folder: string): string | null {
  for (const { cwd } of recordsOf(body)) if (typeof cwd === 'string' && projectFolder(cwd) === folder) return cwd;
  return null;
}
