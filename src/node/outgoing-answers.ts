import { sha256Hex } from '../core/crypto/hash.ts';
import { itemKey, type Item } from '../core/item.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { OutgoingAnswers } from '../sources/outgoing/outgoing-workspace.ts';

interface Allowed {
  readonly item: Item;
  readonly secrets: readonly string[];
}

/** Which secrets may leave for a space with which item, as this machine's user said; for this machine alone. */
export function createOutgoingAnswers({ deps: { store }, space }: Replica): OutgoingAnswers {
  const collection = `secrets-may-leave/${space}`;
  const idOf = (item: Item): string => sha256Hex(itemKey(item));
  return {
    allowed: async (item) => new Set((await store.read((tx) => tx.documents.get<Allowed>(collection, idOf(item))))?.secrets ?? []),
    allow: (item, secrets) =>
      store.write(async (tx) => {
        const before = (await tx.documents.get<Allowed>(collection, idOf(item)))?.secrets ?? [];
        await tx.documents.put<Allowed>(collection, idOf(item), { item, secrets: [...new Set([...before, ...secrets])] });
      }),
  };
}

/** Whether others than one person's own machines can read a space. In doubt they can. */
export function isShared(replica: Replica): boolean {
  if (replica.term === null) return true;
  const { members, mode } = replica.membership;
  return mode === 'open' || new Set([...members.values()].map(({ account }) => account)).size > 1;
}
