import type { Folding } from '../../core/ports/files.ts';

/** Which spelling of a path came first on a disk that folds names. */
export interface Claims {
  /** Takes the path and its folders. Returns the name that stands in its place, or `null` where it is free. */
  claim(name: string): string | null;
  /** The name that stands in the place of this one or of a folder above it; `null` where it is free. Takes nothing. */
  holder(name: string): string | null;
}

/** `present`: what stands on the disk, which always comes first. O(present), and O(segments) a claim. */
export function createClaims(folding: Folding, present: Iterable<string>): Claims {
  const taken = new Map<string, string>();
  const claims: Claims = {
    holder(name) {
      for (let cut = name.indexOf('/'); ; cut = name.indexOf('/', cut + 1)) {
        const prefix = cut === -1 ? name : name.slice(0, cut);
        const first = taken.get(foldName(folding, prefix));
        if (first !== undefined && first !== prefix) return first;
        if (cut === -1) return null;
      }
    },
    claim(name) {
      for (let cut = name.indexOf('/'); ; cut = name.indexOf('/', cut + 1)) {
        const prefix = cut === -1 ? name : name.slice(0, cut);
        const key = foldName(folding, prefix);
        const first = taken.get(key);
        if (first === undefined) taken.set(key, prefix);
        else if (first !== prefix) return first;
        if (cut === -1) return null;
      }
    },
  };
  for (const name of present) claims.claim(name);
  return claims;
}

/** Names with the same fold are one on the disk. Upper case first: it joins what has more than one lower case. */
export function foldName(folding: Folding, name: string): string {
  const unicode = folding.unicode ? name.normalize('NFC') : name;
  return folding.case ? unicode.toUpperCase().toLowerCase() : unicode;
}
