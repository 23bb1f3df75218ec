import type { Kind } from '../core/merge/kind.ts';
import { mergeThreeWay } from './three-way.ts';

export interface FolderKindOptions {
  readonly id: string;
  /** Leading segments of a name that make a unit: 2 makes `skills/foo/a/b.md` part of `skills/foo`. */
  readonly depth: number;
  /** The kind by whose rules a file inside is merged. */
  readonly memberKind: (name: string) => Kind;
}

/**
 * A folder as a unit: its files are merged one by one, and where one of them conflicts, the caller keeps our whole
 * side of the folder as siblings. A file that one side changed and the other deleted is a conflict too: half of a
 * deleted folder must not come back to life. A file beside the units (`skills/note.md`) is by itself.
 * Cost: that of the member's kind.
 */
export function createFolderKind(options: FolderKindOptions): Kind {
  const { id, depth, memberKind } = options;
  return {
    id,
    deletable: true,
    appends: false,
    atomicGroups: true,
    groupOf(name) {
      const segments = name.split('/');
      return segments.length > depth ? segments.slice(0, depth).join('/') : null;
    },
    merge(input) {
      const grouped = this.groupOf(input.name) !== null;
      if (grouped && (input.theirs === null || input.ours === null)) {
        return mergeThreeWay(input, refuse, { editOverDeletion: 'conflict' });
      }
      return memberKind(input.name).merge(input);
    },
  };
}

function refuse(): never {
  throw new Error('a deletion has no second body');
}
