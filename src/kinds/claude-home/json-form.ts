import { equalBytes } from '../../core/crypto/hash.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { createMeanings } from '../json/document.ts';
import { mergeValues } from '../json/merge-values.ts';
import { parseJson } from '../json/parse-json.ts';
import { printMerged } from '../json/print-merged.ts';
import { EMPTY_OBJECT, parseTree, printOnto, printTree, treeOf, type JsonTree } from '../json/tree.ts';
import { encodeText, readText } from '../read-text.ts';
import { combineParts, type PartsAt } from './form-parts.ts';
import type { Form, FormContext, FormPart, KeptSecrets, LocalForm, Shown } from './form.ts';
import type { FormId } from './inventory.ts';
import { withNeverShown } from './never-shown.ts';
import { findSecrets, withPlaces, type KnownSecrets } from './secret-places.ts';
import { toLocalTree, toPortableTree } from './portable-tree.ts';
import type { FindSecret } from './secret-marks.ts';
import { isElsewhere, withProjectNames } from './project-keys.ts';
import type { TreeContext } from './tree-context.ts';
import { withoutMissing } from './without-missing.ts';

export interface JsonFormSpec {
  readonly id: FormId;
  /** Name of the item. */
  readonly name: string;
  readonly partsAt: PartsAt;
  /** Parts that need no answer. */
  readonly atOnce: (place: readonly string[], part: FormPart) => boolean;
  /** Whether its values may be secret; else all of them travel. */
  readonly mayHoldSecrets: boolean;
  /** What goes as one where a value in a list in it is missing here. */
  readonly isWhole?: (place: readonly string[]) => boolean;
  /** What goes as one where any value in it is missing here. */
  readonly needsAll?: (place: readonly string[]) => boolean;
  /** Whether the member at a place is named by the path of a project. */
  readonly isProject?: (place: readonly string[]) => boolean;
  /** Members whose absence says nothing: the file was begun anew, not edited; the space names them otherwise. */
  readonly absenceSaysNothing?: (place: readonly string[]) => boolean;
  /** Where only some of a larger file takes part. */
  readonly part?: {
    extract(file: JsonTree, known: JsonTree | null): JsonTree;
    embed(file: JsonTree, part: JsonTree): JsonTree;
  };
}

/** A form of a JSON document, merged by key. Cost: O(n log n) for n bytes in all. */
export function createJsonForm(spec: JsonFormSpec): Form {
  const { part } = spec;
  const contextOf = (context: FormContext): TreeContext => ({
    ...context,
    ...(spec.mayHoldSecrets ? {} : { isSecret: () => false }),
    isEntries: (place) => spec.partsAt(place) === 'entries',
    ...(spec.isProject === undefined ? {} : { isProject: spec.isProject }),
  });
  return {
    id: spec.id,
    partial: part !== undefined,
    extract(file, known) {
      const tree = parseObject(file);
      if (!tree.ok) return tree;
      if (part === undefined) return ok(file);
      const before = known === null ? null : parseObject(known);
      return ok(printOnto(known, part.extract(tree.value, before?.ok === true ? before.value : null)));
    },
    embed(file, body) {
      if (part === undefined) return ok(body);
      const trees = both(file ?? encodeText('{}\n'), body);
      return trees.ok ? ok(printOnto(file, part.embed(...trees.value))) : trees;
    },
    rebase(before, shown, now) {
      const base = parseObject(before);
      const merged = base.ok ? mergeOnto(shown, base.value, now) : base;
      return merged.ok ? merged.value : now;
    },
    show: (full, local, context) => show(spec, full, local, contextOf(context)),
    lay: (full, shown, now, context) => lay(spec, full, shown, now, contextOf(context)),
  };
}

function show(spec: JsonFormSpec, full: Uint8Array, local: LocalForm, context: TreeContext): Result<Shown, string> {
  const trees = both(full, local.body ?? encodeText('{}'));
  if (!trees.ok) return trees;
  const [wanted, here] = trees.value;
  const before = local.kept;
  const known: KnownSecrets = { spaces: [withProjectNames(wanted, context)], kept: before, local: here };
  const applied = toPortableTree(here, findSecrets(here, known, context), known, context);
  const find: FindSecret = (key) => applied.kept[key] ?? before[key] ?? null;
  const options = { paths: context.paths, isWhole: spec.isWhole ?? (() => false), needsAll: spec.needsAll ?? (() => false) };
  const combined = combineParts(withProjectNames(wanted, context), local.body === null ? null : applied.tree, {
    name: spec.name,
    partsAt: spec.partsAt,
    absenceSaysNothing: spec.absenceSaysNothing ?? (() => false),
    admit: (place, part) => (spec.atOnce(place, part) ? 'yes' : context.admit(part)),
    here: (want, place, have) => (isElsewhere(place, context) ? have : withoutMissing(want, place, have, find, options).tree),
  });
  const needs = withoutMissing(wanted, [], applied.tree, find, options).needs.filter(
    (pointer) => !isElsewhere(pointer.split('/'), context),
  );
  const body = printOnto(local.body ?? full, toLocalTree(combined.tree ?? EMPTY_OBJECT, find, context));
  return ok({ body, held: combined.held, later: combined.later, needs });
}

function lay(
  spec: JsonFormSpec,
  space: Uint8Array | null,
  shown: LocalForm,
  now: Uint8Array,
  context: TreeContext,
): Result<{ full: Uint8Array; kept: KeptSecrets }, string> {
  const full = space === null || spec.isProject === undefined ? space : named(space, context);
  if (full !== null && shown.body !== null && equalBytes(shown.body, now)) return ok({ full, kept: shown.kept });
  const found = parseObject(now);
  if (!found.ok) return found;
  const before = shown.body === null ? null : parseObject(shown.body);
  const local = before?.ok === true ? before.value : null;
  const known: KnownSecrets = { spaces: treesOf([full, context.standing ?? null], context), kept: shown.kept, local };
  const ours = toPortableTree(found.value, findSecrets(found.value, known, context), known, context);
  const portable = printOnto(now, ours.tree);
  // What is released by now was none when it was shown.
  const { isReleased: _now, ...then } = context;
  const base = local === null ? null : toPortableTree(local, findSecrets(local, known, then), known, then);
  // What others took out of the space is kept for when it comes back; what was taken out here is gone.
  const unseen = Object.entries(shown.kept).filter(([key]) => base?.kept[key] === undefined);
  const kept = withPlaces({ ...Object.fromEntries(unseen), ...ours.kept }, known, context);
  if (full === null) return ok({ full: portable, kept });
  if (base === null) return withKept(mergeOnto(full, null, portable), kept);
  const wanted = parseObject(full);
  if (!wanted.ok) return wanted;
  const find: FindSecret = (key) => base.kept[key] ?? shown.kept[key] ?? null;
  const options = { paths: context.paths, isWhole: spec.isWhole ?? (() => false), needsAll: spec.needsAll ?? (() => false) };
  const revealed = withNeverShown(withoutSilent(base.tree, ours.tree, spec), wanted.value, ours.tree, {
    partsAt: spec.partsAt,
    here: (want, place, have) => (isElsewhere(place, context) ? have : withoutMissing(want, place, have, find, options).tree),
  });
  return withKept(mergeOnto(full, revealed.shown, printOnto(portable, revealed.ours)), kept);
}

function treesOf(bodies: readonly (Uint8Array | null)[], context: TreeContext): JsonTree[] {
  return bodies.flatMap((body) => {
    const tree = body === null ? null : parseObject(body);
    return tree?.ok === true ? [withProjectNames(tree.value, context)] : [];
  });
}

/** With the names of projects that were paths before this machine knew them. */
function named(full: Uint8Array, context: TreeContext): Uint8Array {
  const tree = parseObject(full);
  return tree.ok ? printOnto(full, withProjectNames(tree.value, context)) : full;
}

function withKept(full: Result<Uint8Array, string>, kept: KeptSecrets): Result<{ full: Uint8Array; kept: KeptSecrets }, string> {
  return full.ok ? ok({ full: full.value, kept }) : full;
}

/** The base without members whose absence from ours says nothing. */
function withoutSilent(base: JsonTree, ours: JsonTree, spec: JsonFormSpec, place: readonly string[] = []): JsonTree {
  if (base.type !== 'object' || ours.type !== 'object' || spec.absenceSaysNothing === undefined) return base;
  const members = [...base.members].flatMap(([key, value]): [string, JsonTree][] => {
    const at = [...place, key];
    const mine = ours.members.get(key);
    if (mine === undefined) return spec.absenceSaysNothing?.(at) === true ? [] : [[key, value]];
    return [[key, withoutSilent(value, mine, spec, at)]];
  });
  return { type: 'object', members: new Map(members) };
}

function mergeOnto(full: Uint8Array, base: JsonTree | null, ours: Uint8Array): Result<Uint8Array, string> {
  const meanings = createMeanings();
  const [fullText, ourText] = [readText(full), readText(ours)];
  if (fullText === null || ourText === null) return fail('not UTF-8 text');
  const theirs = parseJson(fullText, meanings);
  const mine = parseJson(ourText, meanings);
  const shared = base === null ? null : parseJson(printTree(base), meanings);
  if (!theirs.ok) return theirs;
  if (!mine.ok) return mine;
  if (shared !== null && !shared.ok) return shared;
  const merged = mergeValues(shared?.value.root, theirs.value.root, mine.value.root, [], [], 'ours');
  if (merged === undefined) throw new Error('two values make a value');
  if (merged.type === 'node' && merged.node === theirs.value.root) return ok(full);
  if (merged.type === 'node' && merged.node === mine.value.root) return ok(printOnto(full, treeOf(merged.node)));
  return ok(encodeText(printMerged(merged, theirs.value, mine.value)));
}

function parseObject(body: Uint8Array): Result<JsonTree, string> {
  const tree = parseTree(body);
  if (tree.ok && tree.value.type !== 'object') return fail('not a JSON object');
  return tree;
}

function both(first: Uint8Array, second: Uint8Array): Result<[JsonTree, JsonTree], string> {
  const a = parseObject(first);
  const b = parseObject(second);
  if (!a.ok) return a;
  return b.ok ? ok([a.value, b.value]) : b;
}
