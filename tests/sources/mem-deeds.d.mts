/** What was done to one row. */
export interface Deed {
  readonly deed: 'put' | 'edit' | 'delete';
  readonly table: string;
  readonly key: string;
  readonly value: string | null;
}

export function createMemDeeds(options: { readonly file: string; readonly seed: number }): {
  random(below: number): number;
  fill(name: string, rows: number): readonly Deed[];
  work(): readonly Deed[];
  close(): void;
};

export function keyOf(table: string, row: Readonly<Record<string, unknown>>): string;
