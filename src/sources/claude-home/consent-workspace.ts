import path from 'node:path';
import type { Content } from '../../core/content.ts';
import type { MachineId } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { BodyUnavailable, type Outstanding, type Workspace } from '../../core/replica/workspace.ts';
import { REMOVED, treeHash } from '../../kinds/claude-home/consent-answer.ts';
import { consentUnit, type ConsentUnit } from '../../kinds/claude-home/consent-unit.ts';
import type { InventoryChoice } from '../../kinds/claude-home/locate.ts';
import type { Consent, ConsentSubject } from './consent.ts';

export type Verdict = 'allowed' | 'waiting' | 'rejected';

/** The answers that were given, on all of the account's machines. */
export interface ConsentBook extends Consent {
  /** Reads what is new. Call before {@link judge}. O(answers) the first time, then O(new ones). */
  refresh(): Promise<void>;
  /** `authors`: who wrote what would be put in place; `null`: not known (yet). */
  judge(subject: ConsentSubject, authors: readonly (MachineId | null)[]): Verdict;
  /**
   * Whether it matters who wrote all that is new here, not only who wrote last: another machine approved it, or own machines
   * are trusted and one of them was removed.
   */
  needsAllWriters(subject: ConsentSubject): boolean;
}

/** An item as the space holds it. */
export interface Standing {
  readonly item: Item;
  readonly content: Content;
  /** Who wrote it, as the record says that holds it; `null`: the record is not here. */
  readonly author: MachineId | null;
  readonly position: number;
}

/** What is not put in place before somebody said yes. */
export interface Withheld {
  readonly subject: ConsentSubject;
  readonly unit: ConsentUnit;
  readonly verdict: Exclude<Verdict, 'allowed'>;
  /** Sorted by name. */
  readonly items: readonly Outstanding[];
  /** All that would stand there. */
  readonly standing: readonly Standing[];
  /** Who wrote it, as far as that matters for the verdict; `null` among them: somebody not known (yet). */
  readonly writers: readonly (MachineId | null)[];
  /** Why no answer puts it in place; `null` where one does. */
  readonly refused: string | null;
}

export interface ConsentWorkspace extends Workspace {
  /** What `outstanding` leaves out now. Cost: that of `outstanding`. */
  withheld(): Promise<Withheld[]>;
}

/** Items, and folders with all below them. */
export interface StandingQuery {
  readonly items?: readonly Item[];
  /** None of them inside another one. */
  readonly folders?: readonly string[];
}

export interface ConsentWorkspaceDeps {
  readonly book: ConsentBook;
  readonly choice?: InventoryChoice;
  /** What the space holds of these items, and under these folders, by name. Deleted ones are left out. */
  readonly standing: (where: StandingQuery) => Promise<readonly Standing[]>;
  /** Everyone who wrote versions of an item that are newer than what is shown here (`null`: all); `null` among them: not known. */
  readonly writersSince: (item: Item, shown: Content | null) => Promise<readonly (MachineId | null)[]>;
}

/**
 * A workspace that puts nothing in place that could be executed before it was allowed: it is left out of what is
 * outstanding, a folder unit as a whole. All else, and everything that is captured, passes through.
 */
export function createConsentWorkspace(inner: Workspace, { book, standing, writersSince, choice }: ConsentWorkspaceDeps): ConsentWorkspace {
  async function sort(): Promise<{ readonly free: Outstanding[]; readonly held: Withheld[] }> {
    await book.refresh();
    const { free, units } = byUnit(await inner.outstanding(), choice);
    const held: Withheld[] = [];
    const standingOf = await standingIn([...units.values()]);
    for (const { unit, items } of units.values()) {
      const judged = await judge(unit, items, standingOf(unit));
      if (judged === 'allowed') free.push(...items);
      else held.push({ ...judged, unit, items });
    }
    return { free: free.sort(byName), held: held.sort((a, b) => (a.unit.path < b.unit.path ? -1 : 1)) };
  }

  /** All that the space holds of some units, asked for at once: each question waits for whatever works on the space now. */
  async function standingIn(units: readonly UnitItems[]): Promise<(unit: ConsentUnit) => readonly Standing[]> {
    const byKey = new Map<string, Standing[]>();
    if (units.length === 0) return () => [];
    const items = units.flatMap((each) => (each.unit.type === 'file' ? each.items.map(({ item }) => item) : []));
    const folders = new Set(units.flatMap(({ unit }) => (unit.type === 'folder' ? [unit.path] : [])));
    const files = new Set(items.map(itemKey));
    const note = (key: string, each: Standing): void => {
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [each]);
      else known.push(each);
    };
    for (const each of await standing({ items, folders: [...folders] })) {
      const { name } = each.item;
      if (files.has(itemKey(each.item))) note(keyOf({ type: 'file', path: name }), each);
      for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
        const folder = name.slice(0, end);
        if (folders.has(folder)) note(keyOf({ type: 'folder', path: folder }), each);
      }
    }
    return (unit) => byKey.get(keyOf(unit)) ?? [];
  }

  async function judge(
    unit: ConsentUnit,
    items: readonly Outstanding[],
    there: readonly Standing[],
  ): Promise<'allowed' | Omit<Withheld, 'unit' | 'items'>> {
    // Nothing would stand there any more.
    if (there.length === 0 && items.every(({ content }) => content === null) && !unit.removalAsks) return 'allowed';
    const subject = { path: unit.path, hash: hashOf(unit, there) };
    const writers = book.needsAllWriters(subject) ? await writersOf(items) : [...new Set(there.map(({ author }) => author))];
    const verdict = book.judge(subject, writers);
    const held = { subject, standing: there, writers, refused: await looseLink(unit, there) };
    if (held.refused !== null) return { ...held, verdict: 'waiting' };
    if (verdict !== 'allowed') return { ...held, verdict };
    // Something newer came between the two looks: what was allowed is not what would be put in place.
    const digests = new Map(there.map(({ item, content }) => [itemKey(item), content.digest]));
    const isThat = items.every(({ item, content }) => content?.digest === digests.get(itemKey(item)));
    return isThat ? 'allowed' : { ...held, verdict: 'waiting' };
  }

  /** A version that merges another one's work holds what that one wrote: its last writer is not its only author. */
  async function writersOf(items: readonly Outstanding[]): Promise<(MachineId | null)[]> {
    const writers = await Promise.all(items.map(({ item, shown }) => writersSince(item, shown)));
    return [...new Set(writers.flat())];
  }

  /** A link to what is put in place without an answer would let that be executed. */
  async function looseLink(unit: ConsentUnit, there: readonly Standing[]): Promise<string | null> {
    for (const { item, content } of there) {
      if (!('link' in content.attributes)) continue;
      const link = await targetOf(item, content);
      if (link === null) return `${item.name} is a link that cannot be read now`;
      const target = path.posix.join(path.posix.dirname(item.name), link);
      const isOwn = target === unit.path || target.startsWith(`${unit.path}/`);
      const runs = consentUnit(item.name, false, choice) !== null;
      if (runs && !isOwn && consentUnit(target, false, choice) === null)
        return `${item.name} is a link to ${target}, which changes unasked`;
    }
    return null;
  }

  async function targetOf(item: Item, content: Content): Promise<string | null> {
    try {
      return Buffer.from(await inner.read(item, content)).toString();
    } catch (error) {
      if (error instanceof BodyUnavailable) return null;
      throw error;
    }
  }

  return {
    ...inner,
    outstanding: async () => (await sort()).free,
    withheld: async () => (await sort()).held,
  };
}

interface UnitItems {
  readonly unit: ConsentUnit;
  readonly items: Outstanding[];
}

/** A file may stand where elsewhere a folder does. */
function keyOf({ type, path: place }: Pick<ConsentUnit, 'type' | 'path'>): string {
  return `${type} ${place}`;
}

function byUnit(
  all: readonly Outstanding[],
  choice: InventoryChoice | undefined,
): { readonly free: Outstanding[]; readonly units: Map<string, UnitItems> } {
  const free: Outstanding[] = [];
  const units = new Map<string, UnitItems>();
  for (const outstanding of all.toSorted(byName)) {
    const unit = consentUnit(outstanding.item.name, outstanding.content !== null && 'link' in outstanding.content.attributes, choice);
    if (unit === null) {
      free.push(outstanding);
      continue;
    }
    const key = keyOf(unit);
    const known = units.get(key);
    if (known === undefined) units.set(key, { unit, items: [outstanding] });
    else known.items.push(outstanding);
  }
  return { free, units };
}

function hashOf(unit: ConsentUnit, there: readonly Standing[]): string {
  if (there.length === 0) return REMOVED;
  const [only] = there;
  if (unit.type === 'file' && only !== undefined && there.length === 1) return only.content.digest;
  return treeHash(there.map(({ item, content }) => ({ name: item.name, digest: content.digest })));
}

function byName(a: Outstanding, b: Outstanding): number {
  return a.item.name < b.item.name ? -1 : 1;
}
