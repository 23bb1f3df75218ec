import type { Store } from '../../core/ports/store.ts';
import { DEFAULT_PLATFORM, MEM_PREFIX, sessionName, type SessionKey } from '../../kinds/claude-mem/names.ts';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import { digestOf } from './digest.ts';
import type { SessionFacts } from './op-rows.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/** What an op says of a session, and when its row was made. */
export interface SessionSaid extends SessionFacts {
  readonly time: number;
}

/**
 * Which session a row is of. Ops name it by an id that can change (`memory_session_id`), items by the session's own key.
 * What was once answered for an id stays the answer: names of items depend on it.
 */
export interface SessionBook {
  /** Takes in which session an id is of. */
  learn(memorySessionId: string, session: SessionKey): void;
  keyOf(said: SessionFacts): Promise<SessionKey>;
  /** Every id that a session was known by. */
  memoryIdsOf(session: string): readonly string[];
  /** Keeps what was learnt. */
  save(): Promise<void>;
}

interface Kept extends SessionKey {
  readonly id: string;
}

export async function createSessionBook(deps: {
  readonly store: Store;
  readonly user: string;
  readonly rows: RowsOfSpace;
  /** Sessions that stand in this machine's database and are not in the space: rows of them may be told of. */
  readonly standing: () => Promise<Iterable<Row>>;
}): Promise<SessionBook> {
  const { store, rows, standing } = deps;
  const collection = `claude-mem-sessions/${deps.user}`;
  const kept = await store.read((tx) => tx.documents.list<Kept>(collection));
  const byMemoryId = new Map<string, SessionKey>(kept.map(({ value }) => [value.id, value]));
  const bySession = new Map<string, string[]>();
  for (const { value } of kept) note(value.id, value);
  const fresh = new Map<string, SessionKey>();
  let isLooked = false;

  function learn(id: string, { platform, contentSessionId }: SessionKey): void {
    if (byMemoryId.has(id)) return;
    byMemoryId.set(id, { platform, contentSessionId });
    fresh.set(id, { platform, contentSessionId });
    note(id, { platform, contentSessionId });
  }

  function note(id: string, key: SessionKey): void {
    const name = sessionName(key);
    bySession.set(name, [...(bySession.get(name) ?? []), id]);
  }

  /** Sessions that came by another way say their ids themselves. */
  async function lookAtSpace(): Promise<void> {
    isLooked = true;
    for (const row of [...(await rows.under(`${MEM_PREFIX}sessions/`)).values(), ...(await standing())]) {
      const [id, contentSessionId, platform] = [row.get('memory_session_id'), row.get('content_session_id'), row.get('platform_source')];
      if (typeof id !== 'string' || typeof contentSessionId !== 'string') continue;
      learn(id, { contentSessionId, platform: typeof platform === 'string' ? platform : DEFAULT_PLATFORM });
    }
  }

  return {
    learn,

    async keyOf({ memorySessionId, contentSessionId, platform }) {
      if (contentSessionId !== null) return { platform: platform ?? DEFAULT_PLATFORM, contentSessionId };
      if (memorySessionId === null) throw new Error('a row without any session');
      if (!byMemoryId.has(memorySessionId) && !isLooked) await lookAtSpace();
      // As clients do that were told no more.
      const key = byMemoryId.get(memorySessionId) ?? { platform: DEFAULT_PLATFORM, contentSessionId: memorySessionId };
      learn(memorySessionId, key);
      return key;
    },

    memoryIdsOf: (session) => bySession.get(session) ?? [],

    async save() {
      isLooked = false;
      if (fresh.size === 0) return;
      await store.write(async (tx) => {
        for (const [id, key] of fresh) await tx.documents.put<Kept>(collection, digestOf(id), { id, ...key });
      });
      fresh.clear();
    },
  };
}

/**
 * A session's row with what is said of it; `null` where nothing of it is new. `known`: what is known of one that is not there, such as where
 * it was deleted and rows of it go on.
 */
export function sessionRow(before: Row | null, key: SessionKey, said: SessionSaid, known: Row | null = null): Row | null {
  const row = new Map<string, RowValue>(before ?? known ?? newSession(key, said));
  if (said.memorySessionId !== null && !row.has('memory_session_id')) row.set('memory_session_id', said.memorySessionId);
  return row.size === before?.size ? null : row;
}

function newSession({ platform, contentSessionId }: SessionKey, { project, time }: SessionSaid): Map<string, RowValue> {
  return new Map<string, RowValue>([
    ['content_session_id', contentSessionId],
    ['platform_source', platform],
    ['project', project ?? 'unknown'],
    ['started_at', new Date(time).toISOString()],
    ['started_at_epoch', time],
    ['status', 'completed'],
  ]);
}
