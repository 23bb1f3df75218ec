/** A JSON text; nodes of one document share one source. */
export interface JsonSource {
  readonly text: string;
}

/** A value in a JSON text: where it stands, and what it means. */
export interface JsonNode {
  readonly type: 'object' | 'array' | 'scalar';
  /** The document that holds it; the value is `source.text.slice(start, end)`. */
  readonly source: JsonSource;
  readonly start: number;
  readonly end: number;
  /** Equal for values of equal meaning among documents parsed with the same {@link Meanings}. */
  readonly meaning: number;
  /** Of an object or an array, in order. */
  readonly items: readonly JsonItem[];
}

/** A member of an object or an element of an array, with the white space around it. */
export interface JsonItem {
  /** The decoded key; of an element `''`. */
  readonly key: string;
  /** Key and colon as written, with the space between them and the value; of an element `''`. */
  readonly label: string;
  /** White space between the delimiter before and the item. */
  readonly lead: string;
  readonly value: JsonNode;
  /** White space between the item and the delimiter after. */
  readonly trail: string;
}

export interface JsonDocument {
  readonly root: JsonNode;
  /** The text before and after the root value: white space and a byte order mark. */
  readonly before: string;
  readonly after: string;
}

/** Numbers the meanings of values, so that comparing two is comparing two numbers. */
export interface Meanings {
  of(canonical: string): number;
}

export function createMeanings(): Meanings {
  const known = new Map<string, number>();
  return {
    of(canonical) {
      const found = known.get(canonical);
      if (found !== undefined) return found;
      known.set(canonical, known.size);
      return known.size - 1;
    },
  };
}
