import type { MachineId, SpaceId } from '../../core/ids.ts';
import { itemKey } from '../../core/item.ts';
import type { FoundPassage, SearchTerm, Shelf } from '../../core/ports/text-index.ts';
import { titleOf } from '../../kinds/passages/title.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { foundId } from '../../core/found-id.ts';
import { namesBySpace } from './name-filter.ts';
import { passageText } from './passage-text.ts';
import { sessionTitles } from './session-titles.ts';
import { snippetOf, type Snippet } from './snippet.ts';

/** Something that was found, as commands show it. */
export interface Found {
  /** For `show` and `search --around`: of the item, and the number of the passage where it has several. */
  readonly id: string;
  readonly kind: Shelf;
  readonly type: string;
  /** Of a session: what it is called. */
  readonly title: string | null;
  /** A line around the words; `null` where its text cannot be had now. */
  readonly snippet: string | null;
  /** Where words of the search stand in the snippet: from and to, UTF-16 units. */
  readonly marks: Snippet['marks'];
  readonly project: string | null;
  readonly session: string | null;
  /** Who wrote it: a memory or a session first, a file as it is now. `?` where that is not known. */
  readonly machine: string;
  /** ISO 8601, as its author's clock said. */
  readonly time: string | null;
  readonly space: string;
  readonly item: string;
}

/** What was found, in the same order; what is in no space that is open here is left out. Cost: the pieces of bodies that they lie in. */
export async function describeAll<P extends FoundPassage>(
  node: SatchelNode,
  found: readonly P[],
  terms: readonly SearchTerm[],
): Promise<{ readonly passage: P; readonly found: Found }[]> {
  const names = await namesBySpace(node);
  const described: { passage: P; found: Found }[] = [];
  const titles = new Map<SpaceId, ReadonlyMap<string, string>>();
  for (const passage of found) {
    const open = node.spaces.get(passage.space);
    if (open === undefined) continue;
    const known =
      titles.get(passage.space) ??
      (await sessionTitles(
        open,
        found.filter(({ space }) => space === passage.space),
      ));
    titles.set(passage.space, known);
    const one = await describeFound(open, passage, terms, names);
    described.push({ passage, found: { ...one, title: one.title ?? known.get(itemKey(passage.item)) ?? null } });
  }
  return described;
}

async function describeFound(
  open: OpenSpace,
  found: FoundPassage,
  terms: readonly SearchTerm[],
  names: ReadonlyMap<SpaceId, ReadonlyMap<MachineId, string>>,
): Promise<Found> {
  const text = await passageText(open, found, terms);
  const snippet = text === null ? null : snippetOf(text, terms);
  const { machine, time, shelf, type, project, session } = found;
  return {
    id: foundId(found.item, readingOf(found.item)?.type === 'one' ? null : found.number),
    kind: shelf,
    type,
    title: found.title === '' ? null : titleOf(found.title),
    snippet: snippet?.text ?? null,
    marks: snippet?.marks ?? [],
    project,
    session,
    machine: machine === null ? '?' : (names.get(found.space)?.get(machine) ?? machine.slice(0, 8)),
    time: toIso(time),
    space: open.entry.name,
    item: found.item.name,
  };
}

/** Any number may stand in a row; dates end earlier. */
function toIso(time: number | null): string | null {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
