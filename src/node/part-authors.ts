import { sha256Hex } from '../core/crypto/hash.ts';
import type { MachineId } from '../core/ids.ts';
import { itemKey, type Item } from '../core/item.ts';
import type { Content } from '../core/content.ts';
import type { Replica } from '../core/replica/replica.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import { REMOVED } from '../kinds/claude-home/consent-answer.ts';
import type { FormPart } from '../kinds/claude-home/form.ts';
import { canonicalTree, parseTree, type JsonTree } from '../kinds/json/tree.ts';
import type { ConsentSubject } from '../sources/claude-home/consent.ts';
import type { SpaceConsents } from './consent-book.ts';

/** Versions looked back over; whoever wrote what is older counts as not known. */
const VERSIONS = 200;

/** What an answer about a part of a JSON item binds: its place, and what would stand there. `wanted` is canonical JSON. */
export function partSubjectOf(name: string, pointer: string, wanted: string | null): ConsentSubject {
  return { path: `${name}#${pointer}`, hash: wanted === null ? REMOVED : sha256Hex(wanted) };
}

/** Who wrote what is new in a part here. */
export type PartAuthors = (part: Pick<FormPart, 'pointer' | 'applied'>) => readonly (MachineId | null)[];

/** A version of an item: what it held at a pointer, and who wrote it. */
interface PartVersion {
  /** `undefined`: not known. */
  readonly value: string | null | undefined;
  readonly writer: MachineId | null;
}

/**
 * Who changed a part of an item since what this machine applies of it. An item like settings.json is written by many, so its
 * last writer says little: a machine could vouch for what it planted itself, once another one changed something else or
 * merged with it. Looked up only for parts that another machine approved; for others it is the item's last writer.
 * Cost: O(versions), where there are any.
 */
export async function partAuthors(replica: Replica, book: SpaceConsents, item: Item): Promise<PartAuthors> {
  const [standing] = await book.standing({ items: [item] });
  const last = standing === undefined ? [] : [standing.author];
  const pointers = new Set(book.approvedByOthers(`${item.name}#`).map(({ path }) => path.slice(item.name.length + 1)));
  if (pointers.size === 0) return () => last;
  const versions = new Map<string, PartVersion[]>([...pointers].map((pointer) => [pointer, []]));
  for (const { tree, writer } of await versionsOf(replica, book, item)) {
    for (const [pointer, known] of versions) known.push({ value: tree ? valueAt(tree, pointer) : tree, writer });
  }
  return ({ pointer, applied }) => {
    const known = versions.get(pointer);
    return known === undefined ? last : writersSince(known, applied);
  };
}

/** Newest first: who made the changes behind the version that was as it is applied here. */
function writersSince(versions: readonly PartVersion[], applied: string | null): (MachineId | null)[] {
  const writers = new Set<MachineId | null>();
  for (const [index, { value, writer }] of versions.entries()) {
    if (value === applied) return [...writers];
    if (value !== versions[index + 1]?.value) writers.add(writer);
  }
  return [...writers];
}

const UNKNOWN = { tree: undefined, writer: null };

/** Newest first. What cannot be read, or is too long ago, ends the list with a version by nobody known. */
async function versionsOf(
  replica: Replica,
  book: SpaceConsents,
  item: Item,
): Promise<{ readonly tree: JsonTree | null | undefined; readonly writer: MachineId | null }[]> {
  const current = (await replica.visible([item])).get(itemKey(item));
  const history = await replica.deps.store.read((tx) => tx.items.history(replica.space, item, { limit: VERSIONS }));
  const inPlace = history.filter(({ type }) => type !== 'keep' && type !== 'collapsed');
  const versions = [];
  for (const { content, position } of [...(current === undefined ? [] : [current]), ...inPlace]) {
    const tree = content === null ? null : await treeOf(replica, content);
    if (tree === null && content !== null) return [...versions, UNKNOWN];
    versions.push({ tree, writer: await book.writers.at(position) });
  }
  return history.length < VERSIONS ? versions : [...versions, UNKNOWN];
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
