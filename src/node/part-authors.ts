import { sha256Hex } from '../core/crypto/hash.ts';
import type { MachineId } from '../core/ids.ts';
import { itemKey, type Item } from '../core/item.ts';
import type { Content } from '../core/content.ts';
import type { Replica } from '../core/replica/replica.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import { REMOVED, subjectId } from '../kinds/claude-home/consent-answer.ts';
import { canonicalTree, parseTree, type JsonTree } from '../kinds/json/tree.ts';
import type { ConsentSubject } from '../sources/claude-home/consent.ts';
import type { SpaceConsents } from './consent-book.ts';

/** Versions looked back over; whoever wrote what is older counts as not known. */
const VERSIONS = 200;

/** What an answer about a part of a JSON item binds: its place, and what would stand there. `wanted` is canonical JSON. */
export function partSubjectOf(name: string, pointer: string, wanted: string | null): ConsentSubject {
  return { path: `${name}#${pointer}`, hash: wanted === null ? REMOVED : sha256Hex(wanted) };
}

/** Who wrote a part of an item, by its pointer. */
export type PartAuthors = (pointer: string) => readonly (MachineId | null)[];

/**
 * Who first wrote the parts of an item as they stand. An item like settings.json is written by many, so its last writer says
 * little: a machine could vouch for what it planted itself, once another one changed something else. Looked up only for
 * parts that another machine approved; for others it is the item's last writer. Cost: O(versions since), where there are any.
 */
export async function partAuthors(replica: Replica, book: SpaceConsents, item: Item): Promise<PartAuthors> {
  const [standing] = await book.standing({ items: [item] });
  const last = standing === undefined ? [] : [standing.author];
  const approved = book.approvedByOthers(`${item.name}#`);
  if (approved.length === 0 || standing === undefined) return () => last;
  const tree = await treeOf(replica, standing.content);
  const first = new Map<string, MachineId | null>();
  for (const { id, path } of approved) {
    const pointer = path.slice(item.name.length + 1);
    const wanted = tree === null ? null : valueAt(tree, pointer);
    const isThis = subjectId(partSubjectOf(item.name, pointer, wanted)) === id;
    if (isThis) first.set(pointer, await firstAuthor(replica, book, item, pointer, wanted));
    else if (!first.has(pointer)) first.set(pointer, null);
  }
  return (pointer) => (first.has(pointer) ? [first.get(pointer) ?? null] : last);
}

async function firstAuthor(
  replica: Replica,
  book: SpaceConsents,
  item: Item,
  pointer: string,
  wanted: string | null,
): Promise<MachineId | null> {
  const { store } = replica.deps;
  const current = (await replica.visible([item])).get(itemKey(item));
  const history = await store.read((tx) => tx.items.history(replica.space, item, { limit: VERSIONS }));
  const versions = [...(current === undefined ? [] : [current]), ...history.filter(({ type }) => type !== 'keep' && type !== 'collapsed')];
  let author: MachineId | null = null;
  for (const { content, position } of versions) {
    const tree = content === null ? null : await treeOf(replica, content);
    if ((tree === null ? null : valueAt(tree, pointer)) !== wanted) return author;
    author = await book.writerOf(position);
    if (author === null) return null;
  }
  // The item’s first version has it too, or what came before is not known.
  return history.length < VERSIONS && versions.at(-1)?.content !== null ? author : null;
}

async function treeOf(replica: Replica, content: Content): Promise<JsonTree | null> {
  try {
    const tree = parseTree(await replica.bodies.read(content));
    return tree.ok ? tree.value : null;
  } catch (error) {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  }
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
