import { createJsonFileKind } from './json-file.ts';
import { keyByMembers, mergeList } from './merge-list.ts';
import { mergeUnknown } from './tree-merge.ts';

/**
 * `remembered.json`: a list of what the user wanted to be remembered. `mem-forget` removes by index, so the order stays and what is
 * merged in stands at the end.
 */
export const mnemeRememberedKind = createJsonFileKind({
  id: 'mneme-remembered',
  merge: mergeList({ keyOf: keyByMembers('ts', 'type', 'content'), merge: mergeUnknown }),
  end: '\n',
});
