import type { Item } from '../../core/item.ts';
import type { StoreDialect } from '../dialect.ts';
import { listBatches } from './batches.ts';

/** Names of one kind, as many as one statement takes: items are looked up so, one statement a kind. */
export interface NamesOfKind {
  readonly kind: string;
  /** Up to {@link KEPT_NAMES} there are 2^n: the last one fills up, so that there are few statements, which stay built and prepared. */
  readonly names: readonly string[];
}

/** Statements for more names are long, and asked too rarely to be kept. */
export const KEPT_NAMES = 1_024;

export function* namesByKind(dialect: StoreDialect, items: readonly Item[]): Generator<NamesOfKind> {
  const kinds = new Map<string, string[]>();
  for (const { kind, name } of items) {
    const names = kinds.get(kind);
    if (names === undefined) kinds.set(kind, [name]);
    else names.push(name);
  }
  for (const [kind, all] of kinds) for (const names of listBatches(dialect, all)) yield { kind, names: filledUp(names) };
}

function filledUp(names: readonly string[]): readonly string[] {
  const size = 2 ** Math.ceil(Math.log2(names.length));
  const last = names.at(-1);
  return last === undefined || size > KEPT_NAMES ? names : [...names, ...Array.from({ length: size - names.length }, () => last)];
}
