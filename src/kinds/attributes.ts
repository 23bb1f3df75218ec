import { encodeCanonical, type Canonical } from '../core/canonical.ts';
import type { Attributes } from '../core/content.ts';
import { equalBytes } from '../core/crypto/hash.ts';

export interface MergedAttributes {
  readonly merged: Attributes;
  /** Keys that both sides changed differently, sorted. `merged` holds theirs' value there. */
  readonly collisions: readonly string[];
}

/** Three-way by key; a value is atomic. Cost: O(encoded size), which the format limits. */
export function mergeAttributes(base: Attributes, theirs: Attributes, ours: Attributes): MergedAttributes {
  const collisions: string[] = [];
  const merged: [string, Canonical][] = [];
  for (const key of [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].sort()) {
    const [b, t, o] = [valueOf(base, key), valueOf(theirs, key), valueOf(ours, key)];
    const oursAlone = !equalValues(b, o) && equalValues(b, t);
    if (!oursAlone && !equalValues(t, o) && !equalValues(b, o)) collisions.push(key);
    const value = oursAlone ? o : t;
    if (value !== undefined) merged.push([key, value]);
  }
  // `fromEntries` defines keys, so that a key named `__proto__` is a key like any other.
  return { merged: Object.fromEntries(merged), collisions };
}

export function equalAttributes(a: Attributes, b: Attributes): boolean {
  return equalBytes(encodeCanonical(a), encodeCanonical(b));
}

function valueOf(attributes: Attributes, key: string): Canonical | undefined {
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

function equalValues(a: Canonical | undefined, b: Canonical | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return equalBytes(encodeCanonical(a), encodeCanonical(b));
}
