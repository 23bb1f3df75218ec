/** One family of Prometheus' text format, as it was read. */
export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"/;
const VALUE = /^(?:[+-]Inf|NaN|-?(?:\d+(?:\.\d+)?)(?:e[+-]?\d+)?)$/;
const ENDINGS = { histogram: ['_bucket', '_sum', '_count'], counter: [''], gauge: [''] } as const;

/**
 * Reads the text format 0.0.4 as strictly as its description allows, and by the conventions of names: throws at the first line
 * that breaks them. Families are together, with help and type before them; no series comes twice; counters end in `_total` and
 * are no less than 0; buckets ascend, and the last one holds all.
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line break');
  const families = new Map<string, { type: string; help: string; samples: ParsedSample[] }>();
  let name = '';
  let help: string | null = null;
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, what, of = '', rest = ''] = comment;
      if (!NAME.test(of)) throw new Error(`bad name: ${line}`);
      if (what === 'HELP') {
        if (families.has(of)) throw new Error(`${of} comes twice`);
        [name, help] = [of, rest];
      } else {
        if (of !== name || help === null) throw new Error(`a type without its help: ${line}`);
        if (!Object.hasOwn(ENDINGS, rest)) throw new Error(`unknown type: ${line}`);
        families.set(of, { type: rest, help, samples: [] });
        help = null;
      }
      continue;
    }
    const family = families.get(name);
    const sample = parseSample(line);
    if (family === undefined || !endingsOf(family.type).some((ending) => sample.name === name + ending))
      throw new Error(`not of the family ${name}: ${line}`);
    const series = [
      sample.name,
      ...Object.entries(sample.labels)
        .map((pair) => JSON.stringify(pair))
        .toSorted((a, b) => (a < b ? -1 : 1)),
    ].join(' ');
    if (seen.has(series)) throw new Error(`a series comes twice: ${line}`);
    seen.add(series);
    family.samples.push(sample);
  }
  for (const [of, family] of families) checkFamily(of, family);
  return families;
}

function endingsOf(type: string): readonly string[] {
  return ENDINGS[type as keyof typeof ENDINGS];
}

function parseSample(line: string): ParsedSample {
  const start = /^([a-zA-Z_:][a-zA-Z0-9_:]*)/.exec(line);
  if (start === null) throw new Error(`no sample: ${line}`);
  let rest = line.slice(start[0].length);
  const labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    for (;;) {
      const label = LABEL.exec(rest);
      if (label === null) throw new Error(`bad label: ${line}`);
      const [whole, key = '', value = ''] = label;
      if (Object.hasOwn(labels, key)) throw new Error(`a label comes twice: ${line}`);
      labels[key] = value.replace(/\\([\\n"])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
      rest = rest.slice(whole.length);
      if (rest.startsWith('}')) break;
      if (!rest.startsWith(',')) throw new Error(`bad labels: ${line}`);
      rest = rest.slice(1);
    }
    rest = rest.slice(1);
  }
  const value = rest.slice(1);
  if (!rest.startsWith(' ') || !VALUE.test(value)) throw new Error(`bad value: ${line}`);
  return { name: start[0], labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkFamily(name: string, { type, samples }: ParsedFamily): void {
  if (samples.length === 0) throw new Error(`${name} has no sample`);
  if (/(?:_bucket|_sum|_count)$/.test(name)) throw new Error(`${name} ends like a part of a histogram`);
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is below 0`);
  if (type === 'histogram') checkBuckets(name, samples);
}

function checkBuckets(name: string, samples: readonly ParsedSample[]): void {
  const of = ({ labels }: ParsedSample): string => JSON.stringify(Object.entries(labels).filter(([key]) => key !== 'le'));
  for (const series of new Set(samples.map(of))) {
    const own = samples.filter((sample) => of(sample) === series);
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    const count = own.find((sample) => sample.name === `${name}_count`)?.value;
    if (bounds.at(-1) !== Infinity || bounds.some((bound, at) => !(bound > (bounds[at - 1] ?? -Infinity))))
      throw new Error(`the buckets of ${name} do not ascend to +Inf`);
    if (counts.some((each, at) => each < (counts[at - 1] ?? 0)) || counts.at(-1) !== count)
      throw new Error(`the buckets of ${name} do not add up`);
    if (!own.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name} has no sum`);
  }
}

/** The value of one series; 0 where it is not told yet. */
export function valueOf(families: ReadonlyMap<string, ParsedFamily>, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const found = [...families.values()].flatMap(({ samples }) => samples).filter((sample) => sample.name === name);
  const wanted = Object.entries(labels);
  return found.filter((sample) => wanted.every(([key, value]) => sample.labels[key] === value)).reduce((sum, { value }) => sum + value, 0);
}
