import { sha256Hex } from '../../core/crypto/hash.ts';
import { MEM_TABLES, type MemTable } from './tables.ts';

/** Before the names of all items of claude-mem. */
export const MEM_PREFIX = 'claude-mem/';

/** A session's own key: stable, while its `memory_session_id` may change on its machine. */
export interface SessionKey {
  /** `claude` where a release does not say it. */
  readonly platform: string;
  readonly contentSessionId: string;
}

export const DEFAULT_PLATFORM = 'claude';

export function sessionName({ platform, contentSessionId }: SessionKey): string {
  return `${MEM_PREFIX}sessions/${segment(platform)}/${segment(contentSessionId)}`;
}

/**
 * The same observation on every machine: its session, title and narrative, as in claude-mem's own content hash, but without the id that
 * can change. One that has neither (older releases) is told by its text and time. `session` is the session's item.
 */
export function observationName(
  session: string,
  row: { readonly title: string | null; readonly narrative: string | null; readonly text: string | null; readonly createdAtEpoch: number },
): string {
  const [title, narrative] = [row.title ?? '', row.narrative ?? ''];
  const key = title === '' && narrative === '' ? keyOf('text', row.text ?? '', String(row.createdAtEpoch)) : keyOf(title, narrative);
  return `${MEM_PREFIX}observations/${sessionPart(session)}/${key}`;
}

/** `session` is the session's item. */
export function summaryName(session: string, row: { readonly request: string | null; readonly createdAtEpoch: number }): string {
  return `${MEM_PREFIX}summaries/${sessionPart(session)}/${row.createdAtEpoch}-${keyOf(row.request ?? '')}`;
}

export function promptName(row: {
  readonly contentSessionId: string;
  readonly promptNumber: number;
  readonly createdAtEpoch: number;
}): string {
  return `${MEM_PREFIX}prompts/${segment(row.contentSessionId)}/${row.promptNumber}-${row.createdAtEpoch}`;
}

export function toolUseName(row: { readonly contentSessionId: string; readonly toolUseId: string }): string {
  return `${MEM_PREFIX}tool-uses/${segment(row.contentSessionId)}/${segment(row.toolUseId)}`;
}

/** A second row of one database under the same key (releases before 12.6 had no rule against it), told by its body. */
export function twinName(name: string, body: Uint8Array): string {
  return `${name}~${sha256Hex(body).slice(0, 12)}`;
}

/** Whether a name is such a row's. */
export function isTwin(name: string): boolean {
  return /[^/]~[0-9a-f]{12}$/.test(name);
}

/** `null` for what is no item of claude-mem. */
export function tableOfName(name: string): MemTable | null {
  if (!name.startsWith(MEM_PREFIX)) return null;
  const word = name.slice(MEM_PREFIX.length, name.indexOf('/', MEM_PREFIX.length));
  return MEM_TABLES.find((table) => table === word) ?? null;
}

/** The part of a name that says of which session it is, `PLATFORM/ID`; `null` for prompts and tool uses, which do not say. */
export function sessionGroup(name: string): string | null {
  const [, table, platform, id] = name.split('/');
  const says = table === 'sessions' || table === 'observations' || table === 'summaries';
  return says && platform !== undefined && id !== undefined ? `${platform}/${id}` : null;
}

function sessionPart(session: string): string {
  const group = tableOfName(session) === 'sessions' ? sessionGroup(session) : null;
  if (group === null) throw new Error(`not a session's name: ${session}`);
  return group;
}

/** Plain words stand as they are; everything else (paths, other scripts, length) as a hash. */
function segment(text: string): string {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(text) ? text : `~${sha256Hex(text).slice(0, 32)}`;
}

function keyOf(...parts: readonly string[]): string {
  return sha256Hex(parts.join('\0')).slice(0, 24);
}
