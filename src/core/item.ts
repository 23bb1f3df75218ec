import { LIMITS } from './limits.ts';
import { fail, ok, type Result } from './result.ts';

/**
 * What changes as a unit. `kind` names the pure rules of its content; `name` is NFC, slash-separated, never a
 * machine's absolute path.
 */
export interface Item {
  readonly kind: string;
  readonly name: string;
}

/** A map key; unique, because neither part may hold NUL. */
export function itemKey(item: Item): string {
  return `${item.kind}\0${item.name}`;
}

export function itemFromKey(key: string): Item {
  const cut = key.indexOf('\0');
  return { kind: key.slice(0, cut), name: key.slice(cut + 1) };
}

const KIND = /^[a-z][a-z0-9-]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/;

/**
 * Checks a foreign name. Refuses what could leave a root (`..`, absolute, empty or dot segments, backslashes, drive
 * letters), control characters, and anything that is not NFC, so that one name has one spelling.
 */
export function parseItem(kind: unknown, name: unknown): Result<Item, string> {
  if (typeof kind !== 'string' || !KIND.test(kind) || kind.length > LIMITS.kindBytes) return fail('kind is not a lower-case word');
  if (typeof name !== 'string' || name.length === 0) return fail('name is empty');
  if (Buffer.byteLength(name) > LIMITS.nameBytes) return fail(`name is longer than ${LIMITS.nameBytes} bytes`);
  if (LONE_SURROGATE.test(name)) return fail('name is not well-formed Unicode');
  if (name !== name.normalize('NFC')) return fail('name is not in Unicode form NFC');
  if (CONTROL_CHARACTERS.test(name)) return fail('name holds a control character');
  if (name.includes('\\')) return fail('name holds a backslash');
  if (/^[a-zA-Z]:/.test(name)) return fail('name begins with a drive letter');
  const segments = name.split('/');
  if (segments.length > LIMITS.nameSegments) return fail(`name has more than ${LIMITS.nameSegments} segments`);
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') return fail('name has an empty or dot segment');
  }
  return ok({ kind, name });
}
