/** A place in a text, both from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

const SPACE = /[ \t\r\n]*/y;
const TOKEN =
  /[{}[\],:]|"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** What may come next: after `{` also `}`, after `[` also `]`. */
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'comma' | 'end';

/**
 * Where a text stops being JSON (RFC 8259): the first token that may not stand there, or its end where it is cut short; `null` where it is
 * JSON. The parser's own message quotes the text, which may hold a secret, and seldom says where. O(n).
 */
export function whereNotJson(text: string): TextPlace | null {
  const open: string[] = [];
  let expected: Expected = 'value';
  for (let at = 0; ;) {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    if (at === text.length) return expected === 'end' ? null : placeOf(text, at);
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    const next: Expected | null = token === undefined ? null : after(token, expected, open);
    if (token === undefined || next === null) return placeOf(text, at);
    expected = next;
    at += token.length;
  }
}

/** What is expected behind a token; `null`: it may not stand there. Opens and closes in `open`. */
function after(token: string, expected: Expected, open: string[]): Expected | null {
  const inside = open.at(-1);
  const behindValue: Expected = inside === undefined ? 'end' : 'comma';
  switch (token) {
    case '{':
    case '[':
      if (expected !== 'value' && expected !== 'first-value') return null;
      open.push(token);
      return token === '{' ? 'first-key' : 'first-value';
    case '}':
    case ']':
      if (inside !== (token === '}' ? '{' : '[') || !['comma', 'first-key', 'first-value'].includes(expected)) return null;
      open.pop();
      return open.length === 0 ? 'end' : 'comma';
    case ',':
      return expected !== 'comma' ? null : inside === '{' ? 'key' : 'value';
    case ':':
      return expected === 'colon' ? 'value' : null;
    default:
      if (token.startsWith('"') && (expected === 'key' || expected === 'first-key')) return 'colon';
      return expected === 'value' || expected === 'first-value' ? behindValue : null;
  }
}

function placeOf(text: string, at: number): TextPlace {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** What is wrong with a file whose text is not JSON, for people. */
export function notJsonText(text: string): string {
  if (text.trim() === '') return 'is not JSON: it is empty';
  const place = whereNotJson(text);
  return place === null ? 'is not JSON' : `is not JSON at line ${place.line}, column ${place.column}`;
}
