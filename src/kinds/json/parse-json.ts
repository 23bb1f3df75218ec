import { LIMITS } from '../../core/limits.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { canonicalNumber } from './canonical-number.ts';
import type { JsonDocument, JsonItem, JsonNode, JsonSource, Meanings } from './document.ts';

/** Values of one document; a document with more is not merged. */
export const JSON_VALUES = 500_000;

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Takes a JSON text apart without losing a character of it. Refuses, with the reason: what is not JSON, a key that
 * occurs twice in one object, nesting beyond `LIMITS.jsonDepth`, and more than {@link JSON_VALUES} values.
 * Cost: O(n log n) for n characters (keys are sorted to compare objects).
 */
export function parseJson(text: string, meanings: Meanings): Result<JsonDocument, string> {
  const start = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  try {
    JSON.parse(text.slice(start));
  } catch (error) {
    if (error instanceof SyntaxError) return fail('not JSON');
    throw error;
  }
  // From here on the text is known to be JSON, so the walk checks no syntax.
  const walk: Walk = { text, source: { text }, at: start, values: 0, meanings, refusal: null };
  skipSpace(walk);
  const root = readValue(walk, 0);
  if (walk.refusal !== null) return fail(walk.refusal);
  return ok({ root, before: text.slice(0, root.start), after: text.slice(root.end) });
}

interface Walk {
  readonly text: string;
  readonly source: JsonSource;
  readonly meanings: Meanings;
  at: number;
  values: number;
  refusal: string | null;
}

function readValue(walk: Walk, depth: number): JsonNode {
  const { text, at: start } = walk;
  if (++walk.values > JSON_VALUES) walk.refusal ??= 'too many values';
  const opening = text[start];
  if (opening === '{' || opening === '[') return readContainer(walk, depth + 1, opening === '{' ? 'object' : 'array');
  let canonical: string;
  if (opening === '"') {
    canonical = `s${readString(walk)}`;
  } else {
    canonical = `n${canonicalNumber(skipWhile(walk, (char) => !'{}[],: \t\r\n'.includes(char)))}`;
  }
  return { type: 'scalar', source: walk.source, start, end: walk.at, meaning: walk.meanings.of(canonical), items: [] };
}

function readContainer(walk: Walk, depth: number, type: 'object' | 'array'): JsonNode {
  const { text, at: start } = walk;
  if (depth > LIMITS.jsonDepth) walk.refusal ??= `nested deeper than ${LIMITS.jsonDepth}`;
  const items: JsonItem[] = [];
  const closing = type === 'object' ? '}' : ']';
  walk.at++;
  let lead = skipSpace(walk);
  while (text[walk.at] !== closing && walk.refusal === null) {
    const itemStart = walk.at;
    const key = type === 'object' ? readKey(walk) : '';
    const label = text.slice(itemStart, walk.at);
    const value = readValue(walk, depth);
    const trail = skipSpace(walk);
    items.push({ key, label, lead, value, trail });
    if (text[walk.at] !== ',') break;
    walk.at++;
    lead = skipSpace(walk);
  }
  walk.at++;
  return { type, source: walk.source, start, end: walk.at, meaning: walk.meanings.of(meaningOf(walk, type, items)), items };
}

function meaningOf(walk: Walk, type: 'object' | 'array', items: readonly JsonItem[]): string {
  if (type === 'array') return `a${items.map((item) => item.value.meaning).join()}`;
  const members = items.map((item) => ({ key: walk.meanings.of(`s${item.key}`), value: item.value.meaning }));
  members.sort((a, b) => a.key - b.key);
  if (members.some((member, i) => i > 0 && member.key === members[i - 1]?.key)) walk.refusal ??= 'a key occurs twice';
  return `o${members.map((member) => `${member.key}:${member.value}`).join()}`;
}

function readKey(walk: Walk): string {
  const key = readString(walk);
  skipSpace(walk);
  walk.at++;
  skipSpace(walk);
  return key;
}

function readString(walk: Walk): string {
  const start = walk.at;
  let end = walk.text.indexOf('"', start + 1);
  while (isEscaped(walk.text, end)) end = walk.text.indexOf('"', end + 1);
  walk.at = end + 1;
  const literal = walk.text.slice(start, walk.at);
  return literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1);
}

/** An odd number of backslashes stands before. */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text[from - 1] === '\\') from--;
  return (at - from) % 2 === 1;
}

function skipSpace(walk: Walk): string {
  return skipWhile(walk, (char) => char === ' ' || char === '\n' || char === '\r' || char === '\t');
}

/** A loop instead of a regular expression: those run out of stack on long foreign text. */
function skipWhile(walk: Walk, holds: (char: string) => boolean): string {
  const start = walk.at;
  while (walk.at < walk.text.length && holds(walk.text.charAt(walk.at))) walk.at++;
  return walk.text.slice(start, walk.at);
}
