/** Bodies of more lines are not taken apart: three of them must fit into memory. */
export const MERGEABLE_LINES = 1_000_000;

/** Line ends in a body, and one for what stands after the last. Cost: O(size). */
export function countLines(body: Uint8Array): number {
  let lines = 1;
  for (let at = body.indexOf(10); at >= 0; at = body.indexOf(10, at + 1)) lines++;
  return lines;
}
