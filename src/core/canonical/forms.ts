/** The first three bits of a value's first byte: what it is. */
export const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, simple: 7 } as const;

export const FALSE = 0xf4;
export const TRUE = 0xf5;
export const NULL = 0xf6;

/** First byte → bytes behind it. */
export const FLOATS: ReadonlyMap<number, number> = new Map([
  [0xf9, 2],
  [0xfa, 4],
  [0xfb, 8],
]);

/** Lists and maps within one another: more have no canonical form. */
export const DEEPEST = 500;
