import { sha256Hex } from '../core/crypto/hash.ts';
import type { MachineId } from '../core/ids.ts';
import type { Item } from '../core/item.ts';
import type { Content } from '../core/content.ts';
import type { Replica } from '../core/replica/replica.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import { REMOVED } from '../kinds/claude-home/consent-answer.ts';
import type { FormPart } from '../kinds/claude-home/form.ts';
import { locate } from '../kinds/claude-home/locate.ts';
import { parseTree, type JsonTree } from '../kinds/json/tree.ts';
import type { ConsentSubject } from '../sources/claude-home/consent.ts';
import type { SpaceConsents } from './consent-book.ts';
import { itemVersions } from './item-versions.ts';
import { UNKNOWN, writersBelow, writersSince, type Version } from './part-history.ts';

/** What an answer about a part of a JSON item binds: its place, and what would stand there. `wanted` is canonical JSON. */
export function partSubjectOf(name: string, pointer: string, wanted: string | null): ConsentSubject {
  return { path: `${name}#${pointer}`, hash: wanted === null ? REMOVED : sha256Hex(wanted) };
}

/** Who wrote what is new in a part here; `null` among them: not known (yet). */
export type PartAuthors = (part: Pick<FormPart, 'pointer' | 'wanted' | 'applied'>) => readonly (MachineId | null)[];

/**
 * Who changed a part of an item since what this machine applies of it. An item like settings.json is written by many, so its
 * last writer says little: a machine could vouch for what it planted itself, or leave it behind when it is removed, once
 * another one changed something else or merged with it. Looked up only where that matters
 * (`ConsentBook.needsAllWriters`); else it is the item's last writer. Cost: O(versions), where it does.
 */
export async function partAuthors(replica: Replica, book: SpaceConsents, item: Item): Promise<PartAuthors> {
  const [standing] = await book.standing({ items: [item] });
  const last = standing === undefined ? [] : [standing.author];
  const needsAll = (part: { readonly pointer: string; readonly wanted: string | null }): boolean =>
    book.needsAllWriters(partSubjectOf(item.name, part.pointer, part.wanted));
  const located = locate(item.name);
  // It has no parts, and large versions. By its name: a kind is what its writer says.
  const isHistory = located.type === 'carried' && located.row.form === 'history';
  if (isHistory || !book.mayNeedAllWriters(`${item.name}#`)) return () => last;
  const writers = writersIn(await versionsOf(replica, book, item), item);
  return (part) => (needsAll(part) ? writers(part) : last);
}

/** The same of every part, for people: what this machine merged was written by somebody. O(versions). */
export async function partWriters(replica: Replica, book: SpaceConsents, item: Item): Promise<PartAuthors> {
  return writersIn(await versionsOf(replica, book, item), item);
}

function writersIn(versions: readonly Version[], item: Item): PartAuthors {
  return (part) => {
    const whole = part.pointer.startsWith(`${PROJECTS}/`) && item.name === CLAUDE_JSON ? PROJECTS : null;
    return whole === null ? writersSince(versions, part) : writersBelow(versions, whole);
  };
}

const CLAUDE_JSON = '.claude.json';
/**
 * Each machine that captures the file spells anew what was named by a path before it knew the path as a project, so that
 * values move from name to name in commits of machines that never looked at them.
 */
const PROJECTS = '/projects';

/** Newest first. What cannot be read, or is too long ago, ends the list with a version by nobody known. */
async function versionsOf(replica: Replica, book: SpaceConsents, item: Item): Promise<Version[]> {
  const { versions, isWhole } = await itemVersions(replica, item);
  const read: Version[] = [];
  for (const { content, position } of versions) {
    const tree = content === null ? null : await treeOf(replica, content);
    if (tree === null && content !== null) return [...read, UNKNOWN];
    read.push({ tree, writer: await book.writers.at(position) });
  }
  return isWhole ? read : [...read, UNKNOWN];
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
