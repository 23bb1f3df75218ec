import type { Item } from '../../core/item.ts';
import { itemKey, parseItem } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import type { Content } from '../../core/content.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { encodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { RowBatches } from './capture-batches.ts';
import { localOf } from './capture-batches.ts';
import type { RowsContext } from './context.ts';
import type { Place } from './row-index.ts';
import { readRow } from './read-row.ts';
import { rowsOfScope } from './row-scope.ts';
import { hidesMore, impliedRow, isSameRow, layOn, newBody, withDerived } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

/** More views than this are not looked up one by one. */
const MANY_NAMES = 100;

/** A row that is not as it is known. */
interface Changed {
  readonly found: FoundRow;
  readonly place: Place;
}

/**
 * Captures what differs from the index among rows of one table, which stand in one state of the database. Cost: O(rows), and a look at
 * the view and body of each one that changed.
 */
export async function takeRows(context: RowsContext, access: TableAccess, all: readonly FoundRow[], batches: RowBatches): Promise<void> {
  const { memory } = context;
  const { index } = memory;
  const { shape } = access;
  const table = shape.profile.id;
  const changed: Changed[] = [];
  const fresh: FoundRow[] = [];
  const rows = await rowsOfScope(context, access, all);
  for (const found of rows) {
    const place = index.at(table, found.rowid);
    if (place !== undefined) {
      if (place.digest !== found.digest || place.mask !== shape.mask) changed.push({ found, place });
    } else if (index.skipped(table).get(found.rowid)?.digest !== found.digest) fresh.push(found);
  }
  const others = await takeChanged(context, access, changed, batches);
  await takeFresh(context, access, [...fresh, ...others], batches);
}

/** Returns rows that are others than those that stood there. */
async function takeChanged(
  context: RowsContext,
  access: TableAccess,
  changed: readonly Changed[],
  batches: RowBatches,
): Promise<FoundRow[]> {
  if (changed.length === 0) return [];
  const { shape } = access;
  const views = await loadViews(
    context,
    changed.map(({ place }) => place.name),
  );
  const others: FoundRow[] = [];
  for (const { found, place } of changed) {
    const item: Item = { kind: context.profile.kind, name: place.name };
    const at: Place = { ...place, rowid: found.rowid, digest: found.digest, mask: shape.mask };
    const view = views.get(itemKey(item));
    const shown = view?.shown ?? null;
    const base = shown === null ? null : await readRow(context, item, shown);
    const parent = parentName(context, access, found);
    if (parent.type === 'later') continue;
    if (parent.type === 'nobody') {
      skip(context, access, found, 'the row that it refers to is not there');
      continue;
    }
    if (base !== null && !isSameRow(base.row, shape, found.row)) {
      context.memory.index.set({ ...place, rowid: null });
      context.memory.displaced.add(place.name);
      others.push(found);
      continue;
    }
    if (shown !== null && base === null) {
      context.memory.skipped.set(place.name, 'what it was made from cannot be read now');
      continue;
    }
    const applied = await intendedBody(context, access, view, found, parent.name);
    if (applied !== null)
      await batches.add({ type: 'body', item, attributes: applied.attributes, body: applied.body, local: localOf(at) }, at, true);
    else if (base === null) {
      // Held anew for rows that refer to it: the same item, by whatever name another row of this kind would go.
      const body = encodeRow(newBody(shape, found.row, parent.name));
      if (view?.local == null) others.push(found);
      else await batches.add({ type: 'body', item, attributes: {}, body, local: localOf(at) }, at);
    } else {
      const mask = place.rowid === null && place.mask === '0' ? shape.mask : place.mask;
      const body = encodeRow(layOn(base.row, shape, mask, found.row, parent.name));
      if (Buffer.from(body).equals(base.body)) {
        await batches.add({ type: 'same', item, local: localOf(at) }, at);
        if (hidesMore(base.row, shape, mask, found.row)) context.memory.unshown.push(item);
      } else await batches.add({ type: 'body', item, attributes: base.content.attributes, body, local: localOf(at) }, at);
    }
  }
  return others;
}

async function takeFresh(context: RowsContext, access: TableAccess, fresh: readonly FoundRow[], batches: RowBatches): Promise<void> {
  const { memory, profile } = context;
  const { shape } = access;
  const named: { found: FoundRow; name: string; body: Uint8Array; parent: string | null }[] = [];
  const moved: Changed[] = [];
  const taken = new Map<string, number>();
  for (const found of fresh) {
    const parent = parentName(context, access, found);
    if (parent.type === 'later') continue;
    if (parent.type === 'nobody') {
      skip(context, access, found, 'the row that it refers to is not there');
      continue;
    }
    const ready = found.ready?.parent === parent.name ? found.ready : undefined;
    const whole = (): Row => newBody(shape, found.row, parent.name);
    if (shape.profile.standIns?.isOne(found.row) === true) {
      skip(context, access, found, 'claude-mem made it up for a session that it was not told of');
      continue;
    }
    const natural = ready === undefined ? shape.profile.nameOf(impliedRow(shape, whole())) : ready.natural;
    if (natural === null || !parseItem(profile.kind, natural).ok) {
      skip(context, access, found, 'it has no natural key');
      continue;
    }
    const body = ready?.body ?? encodeRow(whole());
    const name = await ownName(context, access, natural, body, found, taken);
    if (name === null) continue;
    taken.set(name, found.rowid);
    const place = memory.index.of(name);
    if (place === undefined) {
      // A twin goes without what would have to be the same.
      const own = name === natural ? await completed(context, access, whole, found) : null;
      named.push({ found, name, body: own ?? body, parent: parent.name });
    } else moved.push({ found, place });
  }
  for (const other of await takeChanged(context, access, moved, batches)) skip(context, access, other, 'another row has its natural key');
  for (const { found, name, body, parent } of named) {
    const item: Item = { kind: profile.kind, name };
    const at: Place = { name, table: shape.profile.id, rowid: found.rowid, digest: found.digest, mask: shape.mask };
    const applied = await intendedBody(context, access, memory.interrupted.get(itemKey(item)), found, parent);
    const content = applied ?? { attributes: {}, body };
    await batches.add({ type: 'body', item, attributes: content.attributes, body: content.body, local: localOf(at) }, at, applied !== null);
  }
}

/** The body with what this table has no columns for; `null` where there is nothing to add. */
async function completed({ database }: RowsContext, { shape }: TableAccess, whole: () => Row, found: FoundRow): Promise<Uint8Array | null> {
  if (shape.lacking.length === 0) return null;
  const { reference } = shape.profile;
  const rowid = found.parent;
  const parent =
    reference === null || typeof rowid !== 'number'
      ? null
      : await database.read(() => database.tables().get(reference.table)?.at(rowid) ?? null);
  return encodeRow(withDerived(shape, whole(), parent?.row ?? null));
}

/** The name that a row goes by: that of its natural key, unless another row here has it. `null`: it repeats that one. */
async function ownName(
  context: RowsContext,
  access: TableAccess,
  natural: string,
  body: Uint8Array,
  found: FoundRow,
  taken: ReadonlyMap<string, number>,
): Promise<string | null> {
  const { memory, profile } = context;
  const holder = (name: string): number | null => {
    const rowid = taken.get(name) ?? memory.index.of(name)?.rowid ?? null;
    return rowid === null || rowid === found.rowid ? null : rowid;
  };
  const first = holder(natural);
  if (first === null) return natural;
  const other = await context.database.read(() => access.at(first));
  if (other === null) return natural; // it went, and this one is in its place
  const twin = profile.twinOf(natural, body);
  const parent = parentName(context, access, other);
  const same = parent.type === 'named' ? encodeRow(newBody(access.shape, other.row, parent.name)) : null;
  if ((same !== null && Buffer.from(same).equals(body)) || holder(twin) !== null) {
    skip(context, access, found, 'the same row stands there twice', natural);
    return null;
  }
  return twin;
}

type Parent =
  | { readonly type: 'named'; readonly name: string | null }
  /** It was not captured yet. */
  | { readonly type: 'later' }
  /** It is not there, or is no item. */
  | { readonly type: 'nobody' };

/** The row that this one refers to. */
function parentName({ memory }: RowsContext, { shape }: TableAccess, found: FoundRow): Parent {
  const { reference } = shape.profile;
  if (reference === null || found.parent === null) return { type: 'named', name: null };
  if (found.parent === 'nobody') return { type: 'nobody' };
  const place = memory.index.at(reference.table, found.parent);
  if (place !== undefined) return { type: 'named', name: place.name };
  const skipped = memory.index.skipped(reference.table).get(found.parent);
  if (skipped?.repeats != null) return { type: 'named', name: skipped.repeats };
  if (skipped !== undefined) return { type: 'nobody' };
  memory.again = true;
  return { type: 'later' };
}

function skip(context: RowsContext, { shape }: TableAccess, found: FoundRow, reason: string, repeats: string | null = null): void {
  context.memory.index.skip(shape.profile.id, found.rowid, { digest: found.digest, reason, repeats });
}

/** The body that an interrupted apply was about to show, if that is what stands there. */
async function intendedBody(
  context: RowsContext,
  { shape }: TableAccess,
  view: View | undefined,
  found: FoundRow,
  parent: string | null,
): Promise<{ readonly body: Uint8Array; readonly attributes: Content['attributes'] } | null> {
  const intended = view?.intended?.content ?? null;
  if (view === undefined || intended === null) return null;
  const read = await readRow(context, view.item, intended);
  if (read === null) return null;
  const laid = encodeRow(layOn(read.row, shape, shape.mask, found.row, parent));
  return Buffer.from(laid).equals(read.body) ? { body: read.body, attributes: intended.attributes } : null;
}

/** With their bodies close by. */
async function loadViews({ workspace }: RowsContext, names: readonly string[]): Promise<Map<string, View>> {
  const views = await workspace.views(names.length > MANY_NAMES ? undefined : names);
  const wanted = new Set(names);
  const contents = [...views.values()].flatMap(({ item, shown, intended }) =>
    wanted.has(item.name) ? [shown, intended?.content ?? null].filter((content) => content !== null) : [],
  );
  try {
    await workspace.prefetch(contents);
  } catch (error) {
    // Each one that is missing says so when it is read.
    if (!(error instanceof BodyUnavailable)) throw error;
  }
  return views;
}
