import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import { clientOf, type MnemeClient } from './client.ts';
import { IDLE, NO_SESSIONS, type Sessions, type Step } from './steering.ts';

/** Where clients are in their sessions. Only one object a store: it remembers what it read. */
export interface SessionBook {
  step(client: MnemeClient, project: MnemeProject): Promise<Step>;
  /** Moves on; what must survive goes into the transaction, and counts from now on: call where nothing fails after it. */
  put(client: MnemeClient, project: MnemeProject, step: Step, tx: StoreTransaction): Promise<void>;
  /** Moves on where only what the running session did so far is new. */
  note(client: MnemeClient, project: MnemeProject, step: Step): void;
  /** Those that ever began a session in a project with this key. */
  clients(key: string, project: MnemeProject): Promise<readonly MnemeClient[]>;
}

const SESSIONS = 'mneme-sessions';
/** Of one key in one project: no machine needs more, and ids cost nothing to make up. */
const MOST_CLIENTS = 64;

interface StoredSessions extends Sessions {
  readonly client: string;
  /** Absent: those of its key. */
  readonly views?: string;
}

interface Entry {
  readonly client: MnemeClient;
  step: Step;
}

/** Cost: reads all once, O(clients × projects); then O(1). */
export function createSessionBook(store: Store): SessionBook {
  /** By key and project, then by client. */
  let known: Promise<Map<string, Map<string, Entry>>> | null = null;
  const groupOf = (key: string, project: MnemeProject): string => `${key}/${project}`;

  async function load(): Promise<Map<string, Map<string, Entry>>> {
    const groups = new Map<string, Map<string, Entry>>();
    for (const { id, value } of await store.read((tx) => tx.documents.list<StoredSessions>(SESSIONS))) {
      const cut = id.lastIndexOf('/');
      const group = id.slice(0, cut);
      const client = clientOf(group.slice(0, group.indexOf('/')), value?.client ?? '', value?.views);
      groupIn(groups, group).set(client.hash, { client, step: { sessions: parse(value), progress: IDLE } });
    }
    return groups;
  }

  async function group(key: string, project: MnemeProject): Promise<Map<string, Entry>> {
    known ??= load();
    try {
      return groupIn(await known, groupOf(key, project));
    } catch (error) {
      known = null;
      throw error;
    }
  }

  const loaded = new Map<string, Map<string, Entry>>();
  async function open(client: MnemeClient, project: MnemeProject): Promise<Map<string, Entry>> {
    const entries = await group(client.key, project);
    loaded.set(groupOf(client.key, project), entries);
    return entries;
  }
  function keep(client: MnemeClient, project: MnemeProject, step: Step): boolean {
    const entries = loaded.get(groupOf(client.key, project));
    if (entries === undefined) return false;
    const entry = entries.get(client.hash);
    if (entry === undefined && entries.size >= MOST_CLIENTS) return false;
    if (entry === undefined) entries.set(client.hash, { client, step });
    else entry.step = step;
    return true;
  }

  return {
    step: async (client, project) => (await open(client, project)).get(client.hash)?.step ?? { sessions: NO_SESSIONS, progress: IDLE },
    async put(client, project, step, tx) {
      if (!keep(client, project, step)) return;
      const document: StoredSessions = {
        ...step.sessions,
        client: client.id,
        ...(client.views === client.key ? {} : { views: client.views }),
      };
      await tx.documents.put(SESSIONS, `${groupOf(client.key, project)}/${client.hash}`, document);
    },
    note: (client, project, step) => void keep(client, project, step),
    clients: async (key, project) => Array.from((await group(key, project)).values(), ({ client }) => client),
  };
}

function groupIn(groups: Map<string, Map<string, Entry>>, name: string): Map<string, Entry> {
  const found = groups.get(name) ?? new Map<string, Entry>();
  groups.set(name, found);
  return found;
}

function parse(value: unknown): Sessions {
  if (typeof value !== 'object' || value === null) return NO_SESSIONS;
  const { begun, endedWell } = value as Partial<Sessions>;
  const isWhole = Array.isArray(begun) && begun.every((at) => typeof at === 'number') && typeof endedWell === 'boolean';
  return isWhole ? { begun, endedWell } : NO_SESSIONS;
}
