import type { Kind } from '../../core/merge/kind.ts';
import { encodeText, readText } from '../read-text.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { createMeanings, type JsonDocument } from './document.ts';
import { mergeValues, type JsonPath } from './merge-values.ts';
import { parseJson } from './parse-json.ts';
import { printMerged } from './print-merged.ts';

/** Larger documents are not merged. */
const MERGEABLE_JSON_BYTES = 16 * 1024 * 1024;

/**
 * JSON documents, merged by key (`mergeValues`). The result is theirs character by character but for what came from
 * ours; if nothing did, it is theirs' very bytes. A collision is a conflict that settles the rest. What cannot be
 * merged with certainty (`parseJson` refuses it) is a conflict as a whole.
 * Cost: O(n log n) for n bytes in all; beyond 16 MiB or half a million values a document is not merged.
 */
export const jsonKind: Kind = {
  id: 'json',
  deletable: true,
  appends: false,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, mergeDocuments),
};

function mergeDocuments(baseBody: Uint8Array | null, theirsBody: Uint8Array, oursBody: Uint8Array): BodyOutcome {
  const meanings = createMeanings();
  const documents: JsonDocument[] = [];
  for (const body of baseBody === null ? [theirsBody, oursBody] : [theirsBody, oursBody, baseBody]) {
    if (body.length > MERGEABLE_JSON_BYTES) return { type: 'conflict', reason: 'a side is too large to merge' };
    const text = readText(body);
    if (text === null) return { type: 'conflict', reason: 'a side is not UTF-8 text' };
    const document = parseJson(text, meanings);
    if (!document.ok) return { type: 'conflict', reason: `a side cannot be merged as JSON: ${document.error}` };
    documents.push(document.value);
  }
  const [theirs, ours, base] = documents;
  if (theirs === undefined || ours === undefined) throw new Error('two sides make a merge');

  const collisions: JsonPath[] = [];
  const merged = mergeValues(base?.root, theirs.root, ours.root, [], collisions);
  if (merged === undefined) throw new Error('two values make a value');
  const body = bodyOf(merged);
  if (collisions.length === 0) return { type: 'merged', body };
  return {
    type: 'conflict',
    body,
    reason: `both sides changed ${collisions.slice(0, 3).map(printPath).join(', ')}${collisions.length > 3 ? ', …' : ''}`,
  };

  function bodyOf(value: NonNullable<typeof merged>): Uint8Array {
    if (theirs === undefined || ours === undefined) throw new Error('two sides make a merge');
    if (value.type === 'node' && value.node === theirs.root) return theirsBody;
    if (value.type === 'node' && value.node === ours.root) return oursBody;
    return encodeText(printMerged(value, theirs, ours));
  }
}

/** Keys are foreign text: quoted, and cut short. */
function printPath(path: JsonPath): string {
  if (path.length === 0) return 'the whole document';
  return path.map((key) => JSON.stringify(key.length > 40 ? `${key.slice(0, 39)}…` : key)).join('.');
}
