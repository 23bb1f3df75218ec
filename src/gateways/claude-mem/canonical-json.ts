import { fail, ok, type Result } from '../../core/result.ts';

/** Clients walk values one call a level: what is nested deeper might end them. Only `metadata` nests at all. */
const DEPTH = 256;

/**
 * The value of a text that is canonical JSON as clients print it (keys sorted, then JSON.stringify), or why it is
 * none. What clients could not print again as it is, they would refuse for ever: unsafe integers, −0, a key
 * `__proto__`, the same key twice, white space. O(length).
 */
export function parseCanonicalJson(text: string): Result<unknown, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('is not JSON');
  }
  const problem = findProblem(value, 0);
  if (problem !== null) return fail(problem);
  // All keys are in their order: printed as it was read, it is what clients print.
  return JSON.stringify(value) === text ? ok(value) : fail(NOT_CANONICAL);
}

const NOT_CANONICAL = 'is not canonical JSON';

/** Of a value of JSON. Clients compare with this very form, so keys that are numbers come first, as in any object. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  const result: Record<string, unknown> = {};
  for (const key of keys.sort()) result[key] = sorted(value[key]);
  return result;
}

function findProblem(value: unknown, depth: number): string | null {
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? 'holds an integer that is not safe' : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth === DEPTH) return `is nested deeper than ${DEPTH} levels`;
  if (!Array.isArray(value) && !isSorted(Object.keys(value))) return NOT_CANONICAL;
  for (const each of Array.isArray(value) ? value : Object.values(value)) {
    const problem = findProblem(each, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/** Whether an object with these keys, sorted, would list them in this very order. Array indexes come first in any object. */
function isSorted(keys: readonly string[]): boolean {
  let before: string | null = null;
  for (const key of keys) {
    if (key === '__proto__') return false; // lost where it is set on a plain object
    if (isIndex(key)) continue;
    if (before !== null && key < before) return false;
    before = key;
  }
  return true;
}

function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 && /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 4_294_967_295;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
