import type { Item } from '../../core/item.ts';
import type { StoreDialect } from '../dialect.ts';
import { listBatches } from './batches.ts';

/** Names of one kind, as many as one statement takes: items are looked up so, one statement a kind. */
export interface NamesOfKind {
  readonly kind: string;
  readonly names: readonly string[];
}

export function* namesByKind(dialect: StoreDialect, items: readonly Item[]): Generator<NamesOfKind> {
  const kinds = new Map<string, string[]>();
  for (const { kind, name } of items) {
    const names = kinds.get(kind);
    if (names === undefined) kinds.set(kind, [name]);
    else names.push(name);
  }
  for (const [kind, all] of kinds) for (const names of listBatches(dialect, all)) yield { kind, names };
}
