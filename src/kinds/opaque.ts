import type { Kind } from '../core/merge/kind.ts';
import { mergeThreeWay } from './three-way.ts';

/** Bytes that nobody looks into: two changed bodies are a conflict. Cost: comparisons of the bodies. */
export const opaqueKind: Kind = {
  id: 'opaque',
  deletable: true,
  appends: false,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, () => ({ type: 'conflict', reason: 'both sides changed a body that cannot be merged' })),
};
