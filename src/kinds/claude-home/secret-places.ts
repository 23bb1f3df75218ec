import { canonicalTree, textsIn, type JsonTree } from '../json/tree.ts';
import type { KeptSecrets } from './form.ts';
import { keptTree } from './kept-value.ts';
import { fromPortable } from './path-tokens.ts';
import { localKey, spaceKey } from './project-keys.ts';
import { isMark, marksIn, placeKey, pointerOf, secretKey } from './secret-marks.ts';
import type { TreeContext } from './tree-context.ts';

/** What tells, besides the looks of a value, that it must stay. */
export interface KnownSecrets {
  /** The item as the space has it: as it was shown, and as it stands now. */
  readonly spaces: readonly JsonTree[];
  /** What this machine keeps. */
  readonly kept: KeptSecrets;
  /** What this machine has had of the item so far: where it shows what the space spells out, nothing is secret any more. */
  readonly local: JsonTree | null;
}

/** Key of what a machine keeps: the places that it knows to be secret, also where the space has nothing now. */
const PLACES = 'places';
const SHORTEST = 6;
const SHORTEST_WITHIN = 12;
const BARE_OPTION = /^--?([A-Za-z][\w-]*)$/;
/** Names another place of the same value, and nothing beside that. */
const REFERENCE = /^(?:bearer |basic |token )?\$\{[A-Za-z_]\w*\}$/i;

/**
 * Pointers (with this machine's keys) to the values of a local tree that must stay here: those that look it; those in a
 * place where the space has a mark or had one that this machine saw, whatever they look like; those that this machine keeps
 * already, wherever they were moved. What the space spells out there already, and what is released, is none.
 * In a list, order tells nothing: what is new in it is secret where a mark of it would else be without a value.
 * Cost: O(values in both), times the values kept.
 */
export function findSecrets(tree: JsonTree, known: KnownSecrets, context: TreeContext): ReadonlySet<string> {
  const found = new Set<string>();
  const places = knownPlaces(known, context);
  const names = new Set([...places].flatMap((pointer) => namedIn(pointer.split('/')) ?? []));
  const values = new Set(Object.entries(known.kept).flatMap(([key, value]) => (key.startsWith('/') && tells(value) ? [value] : [])));

  const isKept = (value: string): boolean =>
    values.has(value) || [...values].some((kept) => kept.length >= SHORTEST_WITHIN && value.includes(kept));
  const looksSecret = (value: JsonTree, path: readonly string[]): boolean =>
    value.type === 'string' && (isKept(value.value) || context.isSecret(path, value.value));
  const isSpelled = (value: JsonTree, spaces: readonly JsonTree[]): boolean => spaces.some((space) => spells(space, value, context));

  const visit = (
    value: JsonTree,
    path: readonly string[],
    place: readonly string[],
    spaces: readonly JsonTree[],
    option?: string,
  ): void => {
    const at = pointerOf(place);
    if (context.isReleased?.(at) === true) return;
    const listed = path.length > place.length;
    const isPlace = spaces.some(isMark);
    // Stands in the place of something that holds secrets: none itself, for all we know, so the same text elsewhere is none either.
    const isAround = (!listed || isSingle(value)) && spaces.some((space) => space.type !== value.type && marksIn(space).length > 0);
    const hasName = value.type !== 'object' && names.has(namedIn(place) ?? '') && !spaces.some(isPlain);
    const isNamed = !listed && (places.has(at) || hasName);
    const named = option === undefined ? path : [...path.slice(0, -1), option];
    const isSecret = ((isPlace || isNamed) && isValue(value)) || looksSecret(value, named);
    if ((isSecret || (isAround && isValue(value))) && !isSpelled(value, spaces)) {
      found.add(pointerOf(path));
      if (isSecret && value.type === 'string' && tells(value.value)) values.add(value.value);
    } else if (value.type === 'array') visitList(value.items, path, place, spaces);
    else if (value.type === 'object') {
      for (const [key, member] of value.members) {
        const name = spaceKey(key, place, context);
        visit(member, [...path, key], [...place, name], membersAt(spaces, name));
      }
    }
  };
  const visitList = (items: readonly JsonTree[], path: readonly string[], place: readonly string[], spaces: readonly JsonTree[]): void => {
    const options = items.map((_, index) => optionOf(items[index - 1]));
    const optional = (index: number): string[] => [options[index] ?? `${index}`];
    const candidates = items.map((): JsonTree[] => []);
    for (const space of spaces) {
      if (space.type !== 'array') continue;
      const missing: JsonTree[] = [];
      const left = new Map<string, number[]>();
      items.forEach((item, index) => left.set(canonicalTree(item), [...(left.get(canonicalTree(item)) ?? []), index]));
      const pair = (item: JsonTree, equals: readonly number[], index: number | undefined): boolean => {
        if (index === undefined) return false;
        left.set(
          canonicalTree(items[index] as JsonTree),
          equals.filter((other) => other !== index),
        );
        candidates[index]?.push(item);
        return true;
      };
      const equalTo = (item: JsonTree) => left.get(canonicalTree(localised(item, place, known.kept, context))) ?? [];
      // Of some that are equal first those that stand where the space has them.
      const moved = space.items.filter((item, at) => {
        const equals = equalTo(item);
        return !pair(
          item,
          equals,
          equals.find((index) => index === at),
        );
      });
      for (const item of moved) {
        const equals = equalTo(item);
        if (!pair(item, equals, equals[0])) missing.push(item);
      }
      const fresh = [...left.values()].flat();
      const own = fresh.filter((index) => looksSecret(items[index] as JsonTree, [...path, ...optional(index)])).length;
      const texts = fresh.filter((index) => items[index]?.type === 'string').length;
      const marks = context.isEntries?.(place) === true ? 0 : missing.filter(isMark).length;
      for (const index of fresh) {
        const isOption = optionOf(items[index]) !== undefined && texts > marks;
        // Marks in lists stand for single values.
        const mayBeMark = own < marks && !isOption && isSingle(items[index] as JsonTree);
        candidates[index]?.push(...missing.filter((item) => !isMark(item) || mayBeMark));
      }
    }
    items.forEach((item, index) => visit(item, [...path, `${index}`], place, candidates[index] ?? [], options[index]));
  };
  // Again for what stands before the place that tells of it.
  for (let count = -1; count < values.size;) {
    count = values.size;
    visit(tree, [], [], known.spaces);
  }
  return found;
}

/** The texts of what a machine keeps. */
export function keptTextsOf({ [PLACES]: _places, ...values }: KeptSecrets): string[] {
  return Object.values(values).flatMap((text) => textsIn(keptTree(text)));
}

/** What a machine keeps, with the places that it knows. */
export function withPlaces(kept: KeptSecrets, known: KnownSecrets, context: TreeContext): KeptSecrets {
  const { [PLACES]: _before, ...values } = kept;
  const places = [...knownPlaces({ ...known, kept: { ...known.kept, ...kept } }, context)].toSorted();
  return places.length === 0 ? values : { ...values, [PLACES]: JSON.stringify(places) };
}

/** Places with a name of their own, outside lists, that hold a mark, held one, or hold what is kept. */
function knownPlaces({ spaces, kept, local }: KnownSecrets, context: TreeContext): Set<string> {
  const remembered = JSON.parse(kept[PLACES] ?? '[]') as string[];
  const keys = Object.keys(kept).filter((key) => key.startsWith('/') && !/#\d+$/.test(key));
  const marked = spaces.flatMap((space) => marksIn(space).flatMap(({ place, number }) => (number === undefined ? [pointerOf(place)] : [])));
  const places = new Set([...remembered, ...keys, ...marked]);
  for (const pointer of places) {
    const place = pointer.slice(1).split('/').map(placeKey);
    const spelled = spaces.map((space) => at(space, place, (key) => key));
    const here = local === null ? null : at(local, place, (key) => localKey(key, context));
    const isSpelled = here !== null && isValue(here) && spelled.some((space) => space !== null && spells(space, here, context));
    if (isSpelled && !spelled.some((space) => space !== null && isMark(space))) places.delete(pointer);
  }
  return places;
}

function at(tree: JsonTree, place: readonly string[], spell: (key: string) => string): JsonTree | null {
  return place.reduce<JsonTree | null>((value, key) => (value?.type === 'object' ? (value.members.get(spell(key)) ?? null) : null), tree);
}

/** `env/NAME`, `headers/NAME`: such a name means the same in a server that is called otherwise, or stands elsewhere. */
function namedIn(place: readonly string[]): string | null {
  const parent = place.at(-2);
  return parent === 'env' || parent === 'headers' ? `${parent}/${place.at(-1)}` : null;
}

/** Words, numbers and references hold no secret of their own. */
function isValue(value: JsonTree): boolean {
  if (value.type === 'literal') return /^[-\d]/.test(value.text);
  return value.type !== 'string' || !REFERENCE.test(value.value.trim());
}

function isSingle({ type }: JsonTree): boolean {
  return type !== 'array' && type !== 'object';
}

function tells(value: string): boolean {
  return value.length >= SHORTEST && !/^(?:true|false|\d{1,9}|default|disabled|enabled)$/i.test(value);
}

/** Whether the space spells a local value out. */
function spells(space: JsonTree, value: JsonTree, context: TreeContext): boolean {
  if (space.type !== value.type || marksIn(space).length > 0) return false;
  return canonicalTree(localised(space, [], {}, context)) === canonicalTree(value);
}

function isPlain(tree: JsonTree): boolean {
  return tree.type === 'string' && !isMark(tree);
}

function optionOf(item: JsonTree | undefined): string | undefined {
  return item?.type === 'string' ? BARE_OPTION.exec(item.value)?.[1] : undefined;
}

function membersAt(spaces: readonly JsonTree[], name: string): JsonTree[] {
  return spaces.flatMap((space) => (space.type === 'object' ? (space.members.get(name) ?? []) : []));
}

/** As this machine has it, marks that it has no value for as they are. */
function localised(tree: JsonTree, place: readonly string[], kept: KeptSecrets, context: TreeContext): JsonTree {
  if (tree.type === 'array') return { type: 'array', items: tree.items.map((item) => localised(item, place, kept, context)) };
  if (tree.type === 'object') {
    const members = [...tree.members].map(([key, value]): [string, JsonTree] => [
      localKey(key, context),
      localised(value, [...place, key], kept, context),
    ]);
    return { type: 'object', members: new Map(members) };
  }
  if (tree.type !== 'string') return tree;
  const [mark] = marksIn(tree);
  if (mark === undefined) return { type: 'string', value: fromPortable(tree.value, context.paths) };
  const value = kept[secretKey(place, mark.number)];
  return value === undefined ? tree : { type: 'string', value };
}
