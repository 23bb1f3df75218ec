/** A log as lines, each a string of bytes (Latin-1, so that any bytes come back as they were), without their ends. */
export interface JsonlLines {
  readonly lines: readonly string[];
  /** What stands after the last line end; `''` if nothing does. */
  readonly torn: string;
}

/** Cost: O(size). */
export function splitJsonl(body: Uint8Array): JsonlLines {
  const lines = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1').split('\n');
  const torn = lines.pop() ?? '';
  return { lines, torn };
}

export function joinJsonl({ lines, torn }: JsonlLines): Uint8Array {
  return new Uint8Array(Buffer.from([...lines, torn].join('\n'), 'latin1'));
}
