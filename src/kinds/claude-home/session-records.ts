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

const CWD = Buffer.from('"cwd"');
/** What follows the name: a string as JSON writes it. */
const STRING_AFTER = /^\s*:\s*("(?:[^"\\]|\\.)*")/;
/** Longer paths are read with their line. */
const PATH_BYTES = 512;

/**
 * The folder that a session was started in: the first `cwd` that has this project folder, since a session may move. Reads the lines
 * alone that may say so: some ms for 30 MB of a session that was somewhere else all the time.
 */
export function findCwd(body: Uint8Array, folder: string): string | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  /** As they are spelled: hardly any session has more than a few. */
  const others = new Set<string>();
  for (let at = bytes.indexOf(CWD); at !== -1; at = bytes.indexOf(CWD, at + CWD.length)) {
    const from = at + CWD.length;
    const spelled = STRING_AFTER.exec(bytes.toString('latin1', from, from + PATH_BYTES))?.[1];
    if (spelled !== undefined && others.has(spelled)) continue;
    const end = bytes.indexOf(NEWLINE, from);
    if (end === -1) return null; // the line is being written
    const cwd = parseRecord(bytes.subarray(bytes.lastIndexOf(NEWLINE, at) + 1, end))?.['cwd'];
    if (typeof cwd === 'string' && projectFolder(cwd) === folder) return cwd;
    if (spelled !== undefined && !names(spelled, folder)) others.add(spelled);
  }
  return null;
}

/** Whether a path that stands somewhere in a line may be the one of this folder. */
function names(spelled: string, folder: string): boolean {
  try {
    const path: unknown = JSON.parse(Buffer.from(spelled, 'latin1').toString('utf8'));
    return typeof path === 'string' && projectFolder(path) === folder;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
