import { scanText } from './scan-text.ts';
import { isSecretValue } from './secret-value.ts';

/** Hides secrets in texts that are shown together. */
export interface SecretMask {
  /** The text with `‹secret 1›` in the place of each secret. O(text), and some 100 µs for each string of a JSON document. */
  mask(text: string): string;
  /** Different secrets hidden so far. */
  readonly count: number;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

const STRING = /"(?:[^"\\]|\\.)*"/g;
/** Of what spans words or lines, a private key say, these are hidden: what stands between them may be a program. */
const OPAQUE = /[A-Za-z0-9+/=_-]{20,}/g;

/**
 * Hides what looks like a secret, and never a part that a person would understand. Of one's own settings (`known`: strings in them that are
 * secret for where they stand) also each string of a JSON document that would stay on its machine, commands included. The same secret has the
 * same number in all texts given to one mask, so that a diff of two still shows whether it changed.
 */
export function createSecretMask(known: readonly string[] | null = null): SecretMask {
  const numbers = new Map<string, number>();
  const markOf = (secret: string): string => {
    const number = numbers.get(secret) ?? numbers.size + 1;
    numbers.set(secret, number);
    return `‹secret ${number}›`;
  };
  return {
    mask(text) {
      let [masked, at] = ['', 0];
      for (const { start, end } of joined([
        ...(known === null ? [] : inJson(text, known)),
        ...scanText(text).flatMap((finding) => opaque(text, finding)),
      ])) {
        masked += text.slice(at, start) + markOf(text.slice(start, end));
        at = end;
      }
      return masked + text.slice(at);
    },
    get count() {
      return numbers.size;
    },
  };
}

function opaque(text: string, { start, end }: Range): Range[] {
  const found = text.slice(start, end);
  if (!/\s/.test(found)) return [{ start, end }];
  return [...found.matchAll(OPAQUE)].map(({ 0: word, index }) => ({ start: start + index, end: start + index + word.length }));
}

/** Secret strings of a JSON document, however they are spelled in it. Nothing where it is none. */
function inJson(text: string, known: readonly string[]): Range[] {
  const document = parsed(text);
  if (document === undefined) return [];
  const secrets = new Set(known.filter((secret) => secret !== ''));
  for (const secret of secretsIn(document)) secrets.add(secret);
  return [...text.matchAll(STRING)]
    .filter(({ 0: literal }) => secrets.has(JSON.parse(literal) as string))
    .map(({ 0: literal, index }) => ({ start: index + 1, end: index + literal.length - 1 }));
}

/** `undefined`: it is no JSON. */
function parsed(text: string): unknown {
  const json = text.replace(/^\uFEFF/, '');
  if (!/^\s*[[{"]/.test(json)) return undefined;
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Without recursion: anybody may have nested it. */
function secretsIn(document: unknown): string[] {
  const secrets: string[] = [];
  const open: { readonly name: string; readonly value: unknown }[] = [{ name: '', value: document }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { name, value } = next;
    if (typeof value === 'string') {
      if (isSecretValue([name], value)) secrets.push(value);
    } else if (Array.isArray(value)) for (const each of value as unknown[]) open.push({ name, value: each });
    else if (typeof value === 'object' && value !== null) {
      for (const [key, each] of Object.entries(value)) open.push({ name: key, value: each });
    }
  }
  return secrets;
}

/** In order, those that overlap as one. */
function joined(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last === undefined || range.start >= last.end) all.push(range);
    else all[all.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return all;
}
