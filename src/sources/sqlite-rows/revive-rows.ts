import { encodeRow } from '../../kinds/rows/row-body.ts';
import type { Found, Outstanding } from '../../core/replica/workspace.ts';
import { localOf } from './capture-batches.ts';
import type { RowsContext } from './context.ts';
import { readRow } from './read-row.ts';
import type { Place } from './row-index.ts';
import { layOn, newBody } from './shown-form.ts';

export interface RevivedRow {
  readonly outstanding: Outstanding;
  readonly place: Place;
}

/**
 * A row that was deleted elsewhere, and that others refer to here, is one that its machine holds anew: the same item, with all that was
 * known of it, which may be more than this release has columns for.
 */
export async function reviveRows(context: RowsContext, revived: readonly RevivedRow[]): Promise<void> {
  const { workspace, memory } = context;
  const bodies: { readonly found: Found; readonly place: Place }[] = [];
  for (const each of revived) bodies.push(...(await bodyOf(context, each)));
  // Shown as absent, what stands there is new. Killed in between, it is found by its place, with what this release knows of it.
  await workspace.applied(revived.map(({ outstanding: { item }, place }) => ({ item, content: null, local: localOf(place) })));
  for (const { place } of revived) memory.index.set({ ...place, digest: '' });
  const found = bodies.map((each) => each.found);
  await workspace.capture(found, { message: 'Bring back what rows refer to', writer: workspace.writer });
  for (const { place } of bodies) memory.index.set(place);
  // What refers to them may not have been looked at.
  memory.wholeVersion = null;
}

/** None where it went meanwhile. */
async function bodyOf(
  context: RowsContext,
  { outstanding: { item, shown }, place }: RevivedRow,
): Promise<{ found: Found; place: Place }[]> {
  const { memory, database } = context;
  const [access, row] = await database.read(() => {
    const there = database.tables().get(place.table);
    return [there, place.rowid === null ? null : (there?.at(place.rowid) ?? null)] as const;
  });
  if (access === undefined || row === null) return [];
  const { shape } = access;
  const { reference } = shape.profile;
  const parent = reference === null || typeof row.parent !== 'number' ? null : (memory.index.at(reference.table, row.parent)?.name ?? null);
  const base = shown === null ? null : await readRow(context, item, shown);
  const mask = memory.index.of(item.name)?.mask ?? place.mask;
  const body = base === null ? newBody(shape, row.row, parent) : layOn(base.row, shape, mask, row.row, parent);
  const at = { ...place, digest: row.digest, mask: shape.mask };
  const found: Found = { type: 'body', item, attributes: shown?.attributes ?? {}, body: encodeRow(body), local: localOf(at) };
  return [{ found, place: at }];
}
