import { isUtf8 } from 'node:buffer';
import { isMnemeFile, RENDERED_FILE, type MnemeFile } from '../../kinds/mneme/names.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** What a client may list, read and write. */
export type SyncedFile = MnemeFile | typeof RENDERED_FILE;

/** In the order in which they are listed. */
export const SYNCED_FILES: readonly SyncedFile[] = ['log.jsonl', 'summary.json', RENDERED_FILE, 'remembered.json', 'entities.json'];

/** Bytes of a request's body. */
export const BODY_BYTES = 10 * 1024 * 1024;
const CLIENT_ID_LENGTH = 256;

export function isSyncedFile(name: string): name is SyncedFile {
  return name === RENDERED_FILE || isMnemeFile(name);
}

/** Where a request goes; `null` for nowhere. The error says what is wrong with the path. */
export interface Route {
  /** As the client gave it. */
  readonly projectId: string;
  readonly resource: 'lock' | 'heartbeat' | 'files' | 'file';
  /** Of `file`, as the client gave it. */
  readonly file: string;
}

const ROUTE = /^\/projects\/([^/]+)\/(?:(lock)|(lock\/heartbeat)|(files)|files\/([^/]+))$/;

/** `target`: the request's path with its query, as it came. */
export function parseRoute(target: string): Result<Route | null, string> {
  const match = ROUTE.exec(target.split('?', 1)[0] ?? '');
  if (match === null) return ok(null);
  const [projectId, file] = [decode(match[1] ?? ''), decode(match[5] ?? '')];
  if (projectId === null) return fail('Invalid project id');
  if (file === null) return fail('Invalid file name');
  const resource = match[2] !== undefined ? 'lock' : match[3] !== undefined ? 'heartbeat' : match[4] !== undefined ? 'files' : 'file';
  return ok({ projectId, resource, file });
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** `null` where the header is missing. */
export function parseClientId(header: string | readonly string[] | undefined): Result<string | null, string> {
  if (typeof header !== 'string' || header.trim() === '') return ok(null);
  return header.length > CLIENT_ID_LENGTH ? fail(`X-Client-Id takes at most ${CLIENT_ID_LENGTH} characters`) : ok(header);
}

/** The content in the body of a PUT: `{"content": "…"}`, or the whole body where it is no JSON. */
export function parseContent(body: Uint8Array): Result<Uint8Array, string> {
  if (!isUtf8(body)) return fail('The body is not UTF-8');
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  if (text.trim() === '') return fail('The body has no content');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return ok(body);
    throw error;
  }
  const content = typeof value === 'object' && value !== null && 'content' in value ? value.content : undefined;
  // Any other JSON would once have emptied the file.
  return typeof content === 'string' ? ok(Buffer.from(content)) : fail('The body needs "content", a string');
}
