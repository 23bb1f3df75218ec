import type { Measurement, Step } from './peer.ts';
import type { Figures, Measurements } from './rounds.ts';

const STEPS: readonly Step[] = ['firstSync', 'noChange', 'edit'];
const FIELDS = ['seconds', 'cpuSeconds', 'wireBytes'] as const;
type Field = (typeof FIELDS)[number];

/** Medians of one peer; null where a figure does not exist. */
export type Medians = Record<Step, Record<Field, number | null>>;
/** step → part → median seconds. */
export type Parts = Record<Step, Record<string, number>>;

export interface Report {
  readonly peers: Readonly<Record<string, Medians>>;
  /** peer → reference → step → field: this peer's median over the reference's. */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, Medians>>>>;
  /** Of peers that have several. */
  readonly parts: Readonly<Record<string, Parts>>;
  /** peer → figure of its own → median. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly notInstalled: readonly string[];
}

export function reportOf(
  measurements: Measurements,
  references: readonly string[],
  notInstalled: readonly string[],
  ownFigures: Figures = new Map(),
): Report {
  const peers = Object.fromEntries(
    [...measurements].map(([name, steps]) => [name, each((step, field) => median(steps[step].map((one) => one[field])))]),
  );
  const ratios = Object.fromEntries(
    Object.entries(peers).map(([name, own]) => [
      name,
      Object.fromEntries(
        references
          .filter((reference) => peers[reference] !== undefined && reference !== name)
          .map((reference) => [reference, each((step, field) => ratio(own[step][field], peers[reference]![step][field]))]),
      ),
    ]),
  );
  const parts = Object.fromEntries(
    [...measurements]
      .filter(([, steps]) => steps.firstSync[0]?.parts !== undefined)
      .map(([name, { firstSync, noChange, edit }]) => [
        name,
        { firstSync: partsOf(firstSync), noChange: partsOf(noChange), edit: partsOf(edit) },
      ]),
  );
  const figures = Object.fromEntries(
    [...ownFigures].map(([name, own]) => [name, Object.fromEntries([...own].map(([figure, values]) => [figure, median(values) ?? 0]))]),
  );
  return { peers, ratios, parts, figures, notInstalled };
}

/** Medians, then ratios to the reference peers, as tables. */
export function reportToText({ peers, ratios, parts: partsByPeer, figures, notInstalled }: Report): string {
  const head = ['', 'first s', 'cpu s', 'KB', 'no change s', 'cpu s', 'KB', 'edit s', 'cpu s', 'KB'];
  const rows = Object.entries(peers).map(([name, medians]) => [
    name,
    ...cells(medians, (value, field) => (field === 'wireBytes' ? (value / 1000).toFixed(value < 10_000 ? 1 : 0) : value.toFixed(3))),
  ]);
  const parts = [table([head, ...rows])];
  const lines = Object.entries(partsByPeer).map(([name, steps]) => {
    const of = (step: Step): string =>
      Object.entries(steps[step])
        .map(([part, seconds]) => `${part} ${seconds.toFixed(3)}`)
        .join(' + ');
    return [name, ...STEPS.map(of)];
  });
  if (lines.length > 0) parts.push(`Seconds by part:\n${table([['', 'first', 'no change', 'edit'], ...lines])}`);
  const references = Object.keys(peers).filter((name) => Object.values(ratios).some((of) => of[name] !== undefined));
  for (const reference of references) {
    const own = Object.entries(ratios).flatMap(([name, of]) =>
      of[reference] === undefined ? [] : [[name, ...cells(of[reference], (value) => `${value.toFixed(2)}x`)]],
    );
    parts.push(`In terms of ${reference}:\n${table([head, ...own])}`);
  }
  for (const [name, own] of Object.entries(figures)) {
    parts.push(`${name} by itself:\n${table([['', ''], ...Object.entries(own).map(([figure, value]) => [figure, value.toFixed(3)])])}`);
  }
  if (notInstalled.length > 0) parts.push(`Not installed, so not measured: ${notInstalled.join(', ')}`);
  return parts.join('\n\n');
}

function each(value: (step: Step, field: Field) => number | null): Medians {
  const of = (step: Step): Record<Field, number | null> => ({
    seconds: value(step, 'seconds'),
    cpuSeconds: value(step, 'cpuSeconds'),
    wireBytes: value(step, 'wireBytes'),
  });
  return { firstSync: of('firstSync'), noChange: of('noChange'), edit: of('edit') };
}

function partsOf(measurements: readonly Measurement[]): Record<string, number> {
  const names = Object.keys(measurements[0]?.parts ?? {});
  return Object.fromEntries(names.map((name) => [name, median(measurements.map((one) => one.parts?.[name] ?? null)) ?? 0]));
}

function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  const sorted = known.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function ratio(own: number | null, reference: number | null): number | null {
  return own === null || reference === null || reference === 0 ? null : own / reference;
}

function cells(medians: Medians, format: (value: number, field: Field) => string): string[] {
  return STEPS.flatMap((step) => FIELDS.map((field) => (medians[step][field] === null ? '-' : format(medians[step][field], field))));
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  return rows
    .map((row) => row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!))).join('  '))
    .join('\n');
}
