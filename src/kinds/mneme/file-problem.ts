import { parseTree } from '../json/tree.ts';

/** What each file holds at its top. Others, like a log, hold whatever they hold. */
const SHAPES: ReadonlyMap<string, 'array' | 'object'> = new Map([
  ['remembered.json', 'array'],
  ['entities.json', 'object'],
  ['summary.json', 'object'],
  ['handoff.json', 'object'],
  ['briefing.json', 'object'],
]);

/**
 * Why a body cannot be this file of mneme, in words; `null` if it can. The client writes in place, so that a file which was read
 * half written, or whose writer was killed, is not JSON: as the file's new content it would destroy what the client reads
 * next. Whoever captures keeps it apart and does not put it in place. Cost: O(size).
 */
export function fileProblem(file: string, body: Uint8Array): string | null {
  const shape = SHAPES.get(file);
  if (shape === undefined) return null;
  if (body.length === 0) return 'is empty';
  const tree = parseTree(body);
  if (!tree.ok) return `cannot be read: ${tree.error}`;
  return tree.value.type === shape ? null : `is no JSON ${shape}`;
}
