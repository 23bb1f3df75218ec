/** Bodies beyond this many bytes are not merged: three of them, taken apart, must fit into memory. */
export const MERGEABLE_BYTES = 64 * 1024 * 1024;

/**
 * A body as text, or `null` where it is not UTF-8, holds NUL, or is beyond {@link MERGEABLE_BYTES}. A byte order mark
 * stays in the text, so that encoding gives the same bytes. Cost: O(size).
 */
export function readText(body: Uint8Array): string | null {
  if (body.length > MERGEABLE_BYTES || body.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

export function encodeText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}
