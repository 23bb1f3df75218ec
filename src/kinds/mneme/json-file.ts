import type { Kind } from '../../core/merge/kind.ts';
import { printIndented } from '../json/print-indented.ts';
import { parseTree, type JsonTree } from '../json/tree.ts';
import { encodeText } from '../read-text.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { mnemeGroup } from './names.ts';
import { mergeValue, sameTree, type MergeTree } from './tree-merge.ts';

export interface JsonFileOptions {
  readonly id: string;
  readonly merge: MergeTree;
  /** What stands after the value where the client writes it: a newline or nothing. */
  readonly end: '\n' | '';
}

/**
 * A JSON file of mneme, merged by entry. A result that means what a side means is that side's very bytes, else laid out as
 * the client does it. A side that is not JSON is a conflict, and kept; a base that is not is no base. Cost: O(n log n).
 */
export function createJsonFileKind({ id, merge, end }: JsonFileOptions): Kind {
  return {
    id,
    deletable: true,
    appends: false,
    atomicGroups: false,
    groupOf: mnemeGroup,
    merge: (input) => mergeThreeWay(input, (base, theirs, ours) => mergeBodies(base, theirs, ours, merge, end)),
  };
}

function mergeBodies(base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array, merge: MergeTree, end: string): BodyOutcome {
  const [left, right] = [parseTree(theirs), parseTree(ours)];
  if (!left.ok) return { type: 'conflict', reason: `a side cannot be merged: ${left.error}` };
  if (!right.ok) return { type: 'conflict', reason: `a side cannot be merged: ${right.error}` };
  const before = base === null ? null : parseTree(base);
  const collisions: string[] = [];
  const merged = mergeValue(before?.ok === true ? before.value : undefined, left.value, right.value, merge, (what) =>
    collisions.push(what),
  );
  const body = bodyOf(merged ?? left.value, left.value, right.value);
  if (collisions.length === 0) return { type: 'merged', body };
  const named = collisions.slice(0, 3).map((what) => (what === '' ? 'the whole document' : what));
  return { type: 'conflict', body, reason: `both sides changed ${named.join(', ')}${collisions.length > 3 ? ', …' : ''}` };

  function bodyOf(tree: JsonTree, ...sides: readonly [JsonTree, JsonTree]): Uint8Array {
    if (sameTree(tree, sides[0])) return theirs;
    return sameTree(tree, sides[1]) ? ours : encodeText(printIndented(tree) + end);
  }
}
