/** One line: a value under labels. */
export interface Sample {
  /** What the family's name ends with here: `_bucket`, `_sum` … */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is told under one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Asked at each scrape. None: the family is left out. */
  collect(): readonly Sample[] | Promise<readonly Sample[]>;
}

export interface Counter extends Family {
  /** Label values in the order of the counter's names. They have to be of a small set: each combination stays for good. O(1). */
  add(by: number, ...values: readonly string[]): void;
  /** What was counted under these label values. */
  of(...values: readonly string[]): number;
}

export interface Histogram extends Family {
  observe(value: number, ...values: readonly string[]): void;
}

interface About<L extends readonly string[]> {
  readonly name: string;
  readonly help: string;
  readonly labels?: L;
}

const SEPARATOR = '\u0000';

/** A number that only grows. Without labels it is told from the start, as 0. */
export function createCounter<const L extends readonly string[]>({ name, help, labels }: About<L>): Counter {
  const names: readonly string[] = labels ?? [];
  const counts = new Map<string, number>(names.length === 0 ? [['', 0]] : []);
  return {
    name,
    help,
    type: 'counter',
    add(by, ...values) {
      const key = values.join(SEPARATOR);
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    of: (...values) => counts.get(values.join(SEPARATOR)) ?? 0,
    collect: () => [...counts].map(([key, value]) => ({ labels: labelled(names, key), value })),
  };
}

/** How values are spread over buckets, whose upper bounds ascend. */
export function createHistogram<const L extends readonly string[]>({ name, help, labels }: About<L>, bounds: readonly number[]): Histogram {
  const names: readonly string[] = labels ?? [];
  const kept = new Map<string, { readonly buckets: number[]; sum: number }>();
  return {
    name,
    help,
    type: 'histogram',
    observe(value, ...values) {
      const key = values.join(SEPARATOR);
      let found = kept.get(key);
      if (found === undefined) kept.set(key, (found = { buckets: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }));
      const at = bounds.findIndex((bound) => value <= bound);
      found.buckets[at === -1 ? bounds.length : at]! += 1;
      found.sum += value;
    },
    collect() {
      const samples: Sample[] = [];
      for (const [key, { buckets, sum }] of kept) {
        const own = labelled(names, key);
        let count = 0;
        for (const [at, here] of buckets.entries()) {
          count += here;
          samples.push({ suffix: '_bucket', labels: { ...own, le: at === bounds.length ? '+Inf' : String(bounds[at]) }, value: count });
        }
        samples.push({ suffix: '_sum', labels: own, value: sum }, { suffix: '_count', labels: own, value: count });
      }
      return samples;
    },
  };
}

/** What is looked up when it is asked for; `null`: nobody knows it now. */
export function createGauge(
  name: string,
  help: string,
  look: () => number | null | readonly Sample[] | Promise<number | null | readonly Sample[]>,
): Family {
  return {
    name,
    help,
    type: 'gauge',
    async collect() {
      const value = await look();
      return value === null ? [] : typeof value === 'number' ? [{ value }] : value;
    },
  };
}

/** Prometheus' text format, version 0.0.4. A family that cannot be looked up now is left out, and counted. */
export async function renderFamilies(families: readonly Family[], onFailure: (family: string, error: unknown) => void): Promise<string> {
  const parts = await Promise.all(
    families.map(async (family) => {
      try {
        return renderFamily(family, await family.collect());
      } catch (error) {
        onFailure(family.name, error);
        return '';
      }
    }),
  );
  return parts.join('');
}

function renderFamily({ name, help, type }: Family, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ suffix = '', labels = {}, value }) => `${name}${suffix}${renderLabels(labels)} ${renderValue(value)}\n`);
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function renderValue(value: number): string {
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
}

function labelled(names: readonly string[], key: string): Readonly<Record<string, string>> {
  const values = key.split(SEPARATOR);
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
}
