import type { MachineId } from '../core/ids.ts';
import type { FormPart } from '../kinds/claude-home/form.ts';
import { canonicalTree, type JsonTree } from '../kinds/json/tree.ts';

/** A version of a JSON item. */
export interface Version {
  /** `null`: there was nothing; `undefined`: not known, nor is anything older. */
  readonly tree: JsonTree | null | undefined;
  /** `null`: not known. */
  readonly writer: MachineId | null;
}

export const UNKNOWN: Version = { tree: undefined, writer: null };

/**
 * Of versions, the newest first: who made the changes behind the one in which a part was as it is applied here; `null` among
 * them: somebody who is not known. Only who changed the part itself counts, whoever else wrote to the item.
 */
export function writersSince(
  versions: readonly Version[],
  { pointer, wanted, applied }: Pick<FormPart, 'pointer' | 'wanted' | 'applied'>,
): (MachineId | null)[] {
  const values = valuesAt(versions, pointer);
  // What is wanted here stands under another name in the space: whoever wrote it there is not found under this one.
  if (values[0] !== wanted) return [null];
  const until = values.indexOf(applied);
  return writersOfChanges(versions, values, until < 0 ? versions.length : until);
}

/** Everyone who ever changed what stands at and below a place. */
export function writersBelow(versions: readonly Version[], pointer: string): (MachineId | null)[] {
  return writersOfChanges(versions, valuesAt(versions, pointer), versions.length);
}

type Value = string | null | undefined;

function writersOfChanges(versions: readonly Version[], values: readonly Value[], until: number): (MachineId | null)[] {
  const changes = versions.slice(0, until).filter((_, index) => {
    const before = index + 1 < values.length ? values[index + 1] : null;
    return values[index] === undefined || values[index] !== before;
  });
  return [...new Set(changes.map(({ writer }) => writer))];
}

function valuesAt(versions: readonly Version[], pointer: string): Value[] {
  return versions.map(({ tree }) => (tree ? valueAt(tree, pointer) : tree));
}

/** The canonical text of what a pointer leads to; in a list of texts, of the text that it names. `null`: nothing. */
function valueAt(tree: JsonTree, pointer: string): string | null {
  let at: JsonTree | undefined = tree;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (at?.type === 'object') at = at.members.get(key);
    else if (at?.type === 'array') at = at.items.find((item) => item.type === 'string' && item.value === key);
    else return null;
  }
  return at === undefined ? null : canonicalTree(at);
}
