import { MNEME_PREFIX } from '../kinds/mneme/names.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { NodeHome } from './home.ts';
import { loneLogs } from './lone-logs.ts';
import { ACCOUNTS } from './log-authority.ts';
import type { SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';

/** What a store has been so far: one that orders logs for others only, or a machine’s that people work on. */
export type NodeRole = 'hub' | 'work';

const COLLECTION = 'node';
const ID = 'role';

/** `null` for a store that was neither yet. Cost: one look-up; of a store from before this was noted, O(control records). */
export async function roleOf(node: SatchelNode): Promise<NodeRole | null> {
  if (node.shared !== null) return 'hub';
  const noted = await node.store.read((tx) => tx.documents.get<NodeRole>(COLLECTION, ID));
  if (noted !== undefined) return noted;
  const own = [...node.spaces.values()].filter(({ entry }) => !entry.name.startsWith(MNEME_PREFIX));
  if (own.length > 0) return 'work';
  const accounts = await node.store.read((tx) => tx.documents.list(ACCOUNTS));
  if (accounts.length > 0) return 'hub';
  return (await loneLogs(node)).some(({ why }) => why === 'for-others') ? 'hub' : null;
}

/** The same of a store that no node runs on, as far as it was noted. */
export async function roleOfStore(home: Pick<NodeHome, 'store'>): Promise<NodeRole | null> {
  const store = await createSqliteStore({ path: home.store });
  try {
    return (await store.read((tx) => tx.documents.get<NodeRole>(COLLECTION, ID))) ?? null;
  } finally {
    await store.close();
  }
}

export async function noteRole(node: SatchelNode, role: NodeRole | null): Promise<void> {
  if (node.shared !== null) return;
  const noted = await node.store.read((tx) => tx.documents.get<NodeRole>(COLLECTION, ID));
  if ((noted ?? null) === role) return;
  await node.store.write((tx) => (role === null ? tx.documents.remove(COLLECTION, ID) : tx.documents.put(COLLECTION, ID, role)));
}

/** Throws where the store is about to become what it has not been, which its members or its user would miss. */
export async function refuseOtherRole(node: SatchelNode): Promise<void> {
  const [was, is] = [await roleOf(node), node.config.hub ? 'hub' : 'work'];
  if (was === null || was === is) return;
  throw was === 'hub'
    ? new OperationFailure(
        'refused',
        'is-hub',
        `the store in ${node.home.root} is a hub’s, which orders logs for others: as a work machine it would capture files of this one, and listen where nobody else reaches it`,
        'Run: satchel up --hub (or set "hub": true in config.json). A work machine beside it: SATCHEL_HOME=FOLDER satchel up. To make it one all the same: satchel up --switch',
      )
    : new OperationFailure(
        'refused',
        'is-work',
        `the store in ${node.home.root} is a work machine’s: as a hub it would capture nothing any more, and put nothing in place`,
        'Run: satchel up. A hub beside it: SATCHEL_HOME=FOLDER satchel up --hub --port N. To make it one all the same: satchel up --hub --switch',
      );
}
