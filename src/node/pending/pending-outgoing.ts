import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import type { HeldOutgoing } from '../../sources/outgoing/outgoing-workspace.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import type { RowSource } from '../row-sources.ts';
import type { TreeSource } from '../tree-sources.ts';
import type { Pending } from './pending-entry.ts';

const REJECTED = 'secrets-stay';
const NAMED = 3;

/** What looks like a secret and would leave for a space that others can read. */
export async function pendingOutgoing(
  node: SatchelNode,
  { entry: { name } }: OpenSpace,
  { outgoing, source }: Pick<TreeSource | RowSource, 'outgoing' | 'source'>,
): Promise<Pending[]> {
  const rejected = await rejectedSecrets(node);
  return outgoing.held().map((held): Pending => {
    const id = outgoingId(held);
    return {
      entry: {
        id,
        type: 'secret',
        path: held.item.name,
        title: held.item.name,
        what: `sends ${placesOf(held)} to ${name}, which others can read`,
        machines: [],
        since: null,
        items: [{ item: held.item.name, change: 'changed', size: null }],
        rejected: rejected.has(id),
      },
      // What it would change is what must not be shown.
      change: () => Promise.resolve([]),
      approve: async () => {
        await outgoing.allow(held);
        await node.store.write((tx) => tx.documents.remove(REJECTED, id));
        await source.offerAgain();
      },
      reject: () => node.store.write((tx) => tx.documents.put(REJECTED, id, { item: held.item.name })),
    };
  });
}

export async function rejectedSecrets({ store }: SatchelNode): Promise<ReadonlySet<string>> {
  return new Set((await store.read((tx) => tx.documents.list(REJECTED))).map(({ id }) => id));
}

export function outgoingId({ item, secrets }: HeldOutgoing): string {
  return sha256Hex('satchel/v1/pending-secret\0', encodeCanonical([item.kind, item.name, secrets]));
}

function placesOf({ found }: HeldOutgoing): string {
  const places = found.slice(0, NAMED).map(({ what, line }) => `${what} (line ${line})`);
  return [...places, ...(found.length > NAMED ? [`${found.length - NAMED} more`] : [])].join(', ');
}
