import { sha256Hex } from '../../core/crypto/hash.ts';
import { ok } from '../../core/result.ts';
import { joinJsonl, splitJsonl } from '../jsonl/split-jsonl.ts';
import type { Form, FormContext, KeptSecrets, LocalForm } from './form.ts';
import { projectOfLine, timeOfLine, toLocalLine, toSpaceLine } from './history-line.ts';

const HEX = 16;
/** Keys of what a machine keeps: lines gone here, and until when all are. */
const GONE = 'gone';
const BEFORE = 'before';

interface Line {
  /** As the space has it. */
  readonly full: string;
  readonly local: string;
  readonly time: number | null;
}

/**
 * history.jsonl: what was typed, on all machines, each line once. Claude Code deletes old lines, so a line that is gone here
 * stays gone here, and stays in the space; new ones are put where their time is. A last line without its end stays here.
 */
export const historyForm: Form = {
  id: 'history',
  partial: false,
  standsStill: true,
  extract: (file) => ok(file),
  embed: (_file, body) => ok(body),
  show(full, local, context) {
    const placeless = new Set<string>();
    const lines = linesHere(full, local.kept, context, placeless);
    const { lines: present, torn } = splitJsonl(local.body ?? new Uint8Array(0));
    return ok({ body: joinJsonl({ lines: inOrder(lines, present), torn }), needs: [], held: [], later: [], placeless: [...placeless] });
  },
  lay(full, shown, now, context) {
    const present = splitJsonl(full ?? new Uint8Array(0));
    const here = full === null ? [] : linesHere(full, shown.kept, context);
    const found = splitJsonl(now).lines;
    const known = countOf(here.map(({ local }) => local));
    const added = found
      .filter((line) => !take(known, line))
      .map((line) => ({ full: toSpaceLine(line, context.paths, projectsOf(context)), time: timeOfLine(line) }));
    const hidden = countOf(present.lines);
    for (const line of here) take(hidden, line.full);
    const back = added.filter((line) => take(hidden, line.full));
    const kept = withBack(noteGone(here, found, shown), back);
    const fresh = added.filter((line) => !back.includes(line)).map((line) => line.full);
    if (full !== null && fresh.length === 0) return ok({ full, kept });
    const torn = present.torn === '' ? [] : [present.torn];
    return ok({ full: joinJsonl({ lines: [...present.lines, ...torn, ...fresh], torn: '' }), kept });
  },
};

/**
 * The lines of a full body that this machine shows: those of projects that have a place here, without what is gone. The projects of
 * the others are added to `placeless`.
 */
function linesHere(full: Uint8Array, kept: KeptSecrets, context: FormContext, placeless?: Set<string>): Line[] {
  const { gone, until } = goneOf(kept);
  return splitJsonl(full).lines.flatMap((line) => {
    const time = timeOfLine(line);
    if ((time !== null && time < until) || (gone.size > 0 && take(gone, hashOf(line)))) return [];
    const local = toLocalLine(line, context.paths, projectsOf(context));
    if (local !== null) return [{ full: line, local, time }];
    const project = projectOfLine(line);
    if (project !== null) placeless?.add(project);
    return [];
  });
}

/** Lines that this machine has stay in its order; each of the others comes before the first that is younger. */
function inOrder(lines: readonly Line[], present: readonly string[]): string[] {
  const left = countOf(present);
  const here = new Map<string, number>();
  const fresh: Line[] = [];
  for (const line of lines) {
    if (take(left, line.local)) put(here, line.local);
    else fresh.push(line);
  }
  fresh.sort((a, b) => (a.time ?? 0) - (b.time ?? 0));
  const result: string[] = [];
  let next = 0;
  for (const line of present) {
    if (!take(here, line)) continue; // the space has it no more
    const time = timeOfLine(line);
    for (; time !== null && next < fresh.length && (fresh[next]?.time ?? 0) < time; next += 1) result.push(fresh[next]?.local ?? '');
    result.push(line);
  }
  return [...result, ...fresh.slice(next).map(({ local }) => local)];
}

/** Lines that were shown and are not there now. Where all of them are older than what is left, one time says it. */
function noteGone(before: readonly Line[], found: readonly string[], { body, kept }: LocalForm): KeptSecrets {
  const shown = countOf(body === null ? [] : splitJsonl(body).lines);
  const now = countOf(found);
  const missing = before.filter(({ local }) => take(shown, local) && !take(now, local));
  if (missing.length === 0) return kept;
  const oldest = found.reduce((least, line) => Math.min(least, timeOfLine(line) ?? least), Number.POSITIVE_INFINITY);
  const isAged = ({ time }: Line): boolean => found.length > 0 && time !== null && time < oldest;
  const { gone, until } = goneOf(kept);
  for (const line of missing) if (!isAged(line)) put(gone, hashOf(line.full));
  return keptOf(
    gone,
    missing.filter(isAged).reduce((most, { time }) => Math.max(most, (time ?? 0) + 1), until),
  );
}

/** Lines that the user put back are gone no more. */
function withBack(kept: KeptSecrets, back: readonly { readonly full: string; readonly time: number | null }[]): KeptSecrets {
  if (back.length === 0) return kept;
  const { gone, until } = goneOf(kept);
  for (const { full } of back) take(gone, hashOf(full));
  return keptOf(
    gone,
    back.reduce((least, { time }) => Math.min(least, time ?? least), until),
  );
}

function goneOf(kept: KeptSecrets): { readonly gone: Map<string, number>; readonly until: number } {
  return { gone: countOf((kept[GONE] ?? '').split(' ').filter((hash) => hash !== '')), until: Number(kept[BEFORE] ?? 0) };
}

function keptOf(gone: ReadonlyMap<string, number>, until: number): KeptSecrets {
  const hashes = [...gone].flatMap(([hash, count]) => Array.from({ length: count }, () => hash));
  return { ...(until > 0 ? { [BEFORE]: String(until) } : {}), ...(hashes.length > 0 ? { [GONE]: hashes.join(' ') } : {}) };
}

function projectsOf(context: FormContext) {
  return context.projects ?? { idOf: () => null, pathOf: () => null };
}

function hashOf(line: string): string {
  return sha256Hex(line).slice(0, HEX);
}

function countOf(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) put(counts, line);
  return counts;
}

function put(counts: Map<string, number>, line: string): void {
  counts.set(line, (counts.get(line) ?? 0) + 1);
}

/** Takes one of a line out of a count; false where there is none left. */
function take(counts: Map<string, number>, line: string): boolean {
  const count = counts.get(line) ?? 0;
  if (count > 0) counts.set(line, count - 1);
  return count > 0;
}
