import { createHash } from 'node:crypto';
import type { StoreTransaction } from '../../core/ports/store.ts';

/** Waits until no other transaction holds a part, and keeps it until this one ends. */
export type HoldPart = (part: string) => Promise<void>;

/**
 * The tables of a writing transaction, each part of which is held before it is first looked at: a space's log, its items,
 * its drafts, its views, a collection of documents, a feed. Transactions of all processes that share a part run one
 * after the other then, and others side by side.
 */
export function holdParts(tx: StoreTransaction, hold: HoldPart): StoreTransaction {
  const held = new Set<string>();
  const first = (part: string): Promise<void> | null => {
    if (held.has(part)) return null;
    held.add(part);
    return hold(part);
  };
  const made: { -readonly [K in keyof StoreTransaction]?: StoreTransaction[K] } = {};
  return {
    get logs() {
      return (made.logs ??= holding(tx.logs, 'log', first));
    },
    get items() {
      return (made.items ??= holding(tx.items, 'items', first));
    },
    get drafts() {
      return (made.drafts ??= holding(tx.drafts, 'drafts', first));
    },
    get views() {
      return (made.views ??= holding(tx.views, 'views', first));
    },
    get documents() {
      return (made.documents ??= holding(tx.documents, 'documents', first));
    },
    get feeds() {
      return (made.feeds ??= holding(tx.feeds, 'feed', first));
    },
  };
}

/** All methods of a table take the name of the part first; those without one only list parts. */
function holding<T extends object>(table: T, what: string, hold: (part: string) => Promise<void> | null): T {
  const wrapped = Object.entries(table).map(([name, method]) => {
    const call = method as (...args: unknown[]) => Promise<unknown>;
    return [
      name,
      async (...args: unknown[]) => {
        const held = typeof args[0] === 'string' ? hold(`${what} ${args[0]}`) : null;
        // Asked right behind it on the same connection, which answers one thing after the other: what is looked up is of after.
        const [answer] = await Promise.all([call(...args), held]);
        return answer;
      },
    ];
  });
  return Object.fromEntries(wrapped) as T;
}

/** The second half of an advisory lock: two parts of one number wait for each other for nothing, and nothing worse. */
export function lockNumber(part: string): number {
  return createHash('sha256').update(part).digest().readInt32BE(0) || 1;
}
