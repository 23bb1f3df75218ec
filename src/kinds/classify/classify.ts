import { matcherOf, segmentsOf } from './match-pattern.ts';

/** One row of the table that gives a name its kind. */
export type KindRule =
  /** The whole name matches (`matchPattern`). */
  | { readonly kind: string; readonly pattern: string }
  /** What stands after the last dot of the last segment, in lower case. */
  | { readonly kind: string; readonly extensions: ReadonlySet<string> }
  /** The whole last segment, in lower case. */
  | { readonly kind: string; readonly fileNames: ReadonlySet<string> };

/** The kind of names that no rule knows. */
export const FALLBACK_KIND = 'opaque';

/**
 * The kind of a name: that of the first rule that holds. Only the name decides, never the content, so that all machines
 * agree and an item's key never moves. Case does not matter. Cost: O(rules × name).
 */
export function classify(name: string, rules: readonly KindRule[]): string {
  const fileName = name.slice(name.lastIndexOf('/') + 1).toLowerCase();
  const dot = fileName.lastIndexOf('.');
  const extension = dot > 0 ? fileName.slice(dot + 1) : null;
  const segments = segmentsOf(name);
  for (const rule of rules) {
    if (
      'pattern' in rule
        ? matcherOf(rule.pattern)(segments)
        : 'fileNames' in rule
          ? rule.fileNames.has(fileName)
          : extension !== null && rule.extensions.has(extension)
    ) {
      return rule.kind;
    }
  }
  return FALLBACK_KIND;
}
