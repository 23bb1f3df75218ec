import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';
import { createConnections, type Connection } from './connections.ts';
import { createLocks, type NotHeld } from './locks.ts';
import { createPulls } from './pulls.ts';
import { createProjectFiles, type WireFile } from './project-files.ts';
import { Refusal } from './refusal.ts';
import type { SyncedFile } from './schema.ts';
import { createSessionBook } from './session-book.ts';
import type { ProjectSpaces } from './spaces.ts';
import { begin, end, list, push } from './steering.ts';
import { wireLock, type WireLock } from './wire.ts';

export interface MnemeGatewayDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly spaces: ProjectSpaces;
  /** Of a lock, milliseconds. */
  readonly lockLifetime: number;
}

/** A request that says which client it is of, and the connection that it came on. */
export interface FromClient {
  readonly client: MnemeClient;
  readonly socket: Duplex;
}

/** One that does not: by the key that it showed. */
export interface FromKey {
  readonly key: string;
  readonly socket: Duplex;
  /** Whoever looks by hand is no client: it is neither steered nor taken for one. */
  readonly isByHand: boolean;
  /** Brought by a proxy: what arrived there may be cut off behind it. */
  readonly isRelayed: boolean;
}

/** The sync server of mneme, as its routes use it. One object a store. */
export interface MnemeGateway {
  lock(project: MnemeProject, from: FromClient): Promise<{ readonly isTaken: boolean; readonly lock: WireLock }>;
  unlock(project: MnemeProject, from: FromClient): Promise<'released' | NotHeld>;
  heartbeat(project: MnemeProject, from: FromClient): Promise<WireLock | NotHeld>;
  lockOf(project: MnemeProject): Promise<WireLock | null>;
  list(project: MnemeProject, from: FromKey): Promise<WireFile[]>;
  /** The answer as it goes out; `null` where there is no such file. */
  read(project: MnemeProject, file: SyncedFile, from: FromKey): Promise<Uint8Array | null>;
  /** The file's time. Throws {@link Refusal} 403 where the client lacks the lock: what it pushed is kept all the same. */
  push(project: MnemeProject, file: SyncedFile, body: Uint8Array, from: FromClient): Promise<string>;
  /** Another request came on a connection: what was sent on it before has arrived. */
  arrived(socket: Duplex): void;
  close(): Promise<void>;
}

/** Bytes that a proxy hands on as soon as it has them. */
const PASSED_ON_AT_ONCE = 64 * 1024;

const REASONS: Readonly<Record<NotHeld, string>> = {
  nobody: 'No lock held - acquire lock before writing',
  another: 'Lock held by different client',
};

export function createMnemeGateway({ store, clock, spaces, lockLifetime }: MnemeGatewayDeps): MnemeGateway {
  const locks = createLocks({ store, clock, lifetime: lockLifetime });
  const files = createProjectFiles({ spaces, clock });
  const book = createSessionBook(store);
  const connections = createConnections();
  /** Of those that were told to download what is new to them, and of all that got the lock. */
  const [taking, pulls] = [createPulls(clock), createPulls(clock)];

  /** The client with this key that has the lock, or had it when it lapsed: nobody else pulls. */
  async function holderOf(project: MnemeProject, key: string): Promise<MnemeClient | null> {
    const clients = await book.clients(key, project);
    if (clients.length === 0) return null;
    const holder = await locks.holder(project);
    return clients.find(({ id }) => id === holder) ?? null;
  }

  /** The one client that named itself on the request's connection, where no proxy brings it: it need not have the lock any more. */
  function speakerOf({ key, socket, isRelayed }: FromKey): MnemeClient | null {
    const { client, isShared } = connections.of(socket);
    return client?.key === key && !isShared && !isRelayed ? client : null;
  }

  /** Whose request this is that does not say it, where the lock's holder is not asked first; `null`: nobody knows. */
  async function clientBehind(project: MnemeProject, { key, socket }: FromKey): Promise<MnemeClient | null> {
    const { client } = connections.of(socket);
    if (client?.key === key) return client;
    const clients = await book.clients(key, project);
    return (await holderOf(project, key)) ?? (clients.length === 1 ? (clients[0] as MnemeClient) : null);
  }

  /**
   * What a client downloads takes the place of its own file. Where another session of it began after this one was told what
   * to download, that one may have written there meanwhile: it is left alone, and merged with what it pushes.
   */
  async function refuseLatePull(project: MnemeProject, client: MnemeClient, on: Connection): Promise<void> {
    const isItsOwn = on.taking?.project === project && on.taking.of.key === client.key;
    const pull = isItsOwn ? on.taking : taking.last(client, project);
    if (pull === null) return;
    const { progress } = await book.step(pull.of, project);
    if (progress.began !== pull.session) throw new Refusal(503, 'Another session of this machine began: what it has stays as it is');
  }

  return {
    async lock(project, { client, socket }) {
      connections.named(socket, client).hasPushed = false;
      const step = await book.step(client, project);
      const { isTaken, lock } = await locks.acquire(project, client.id, (tx, taken) =>
        book.put(client, project, begin(step, clock.now(), taken), tx),
      );
      if (isTaken) pulls.began({ project, of: client, session: step.progress.began + 1 });
      return { isTaken, lock: wireLock(lock) };
    },

    async unlock(project, { client, socket }) {
      connections.named(socket, client);
      const step = end(await book.step(client, project), await files.has(project, client));
      return locks.release(project, client.id, (tx) => book.put(client, project, step, tx));
    },

    async heartbeat(project, { client, socket }) {
      connections.named(socket, client);
      const extended = await locks.extend(project, client.id);
      return typeof extended === 'string' ? extended : wireLock(extended);
    },

    async lockOf(project) {
      const lock = await locks.read(project);
      return lock === null ? null : wireLock(lock);
    },

    async list(project, from) {
      const connection = connections.of(from.socket);
      if (from.isByHand) {
        connection.pushing = null;
        return files.list(project, null, 'none');
      }
      const holder = await holderOf(project, from.key);
      const speaker = speakerOf(from);
      const isAnothers = speaker !== null && holder !== null && speaker.writer !== holder.writer;
      // Whoever just got the lock asks next what there is to pull, on whatever connection that is not another's.
      const isPull = holder !== null && !isAnothers && (await book.step(holder, project)).progress.phase === 'begun';
      const client = isPull ? holder : await clientBehind(project, from);
      if (client === null) {
        // One of several with this key, that does not pull: it pushes, and says then which it is.
        const isAny = (await book.clients(from.key, project)).length > 1;
        connection.pushing = isAny ? { project, of: null } : null;
        return files.list(project, null, isAny ? 'push' : 'none');
      }
      const { steer: due, ...step } = list(
        await book.step(client, project),
        connection.hasPushed && connection.client?.writer === client.writer,
      );
      // Only holders pull: who is told to take something has to be one for certain.
      const steer = isAnothers && due === 'take' ? 'keep' : due;
      book.note(client, project, step);
      connection.pushing = steer === 'push' ? { project, of: client } : null;
      const pull = { project, of: client, session: step.progress.began };
      connection.taking = steer === 'take' ? pull : null;
      if (steer === 'take') taking.began(pull);
      return files.list(project, client, steer);
    },

    async read(project, file, from) {
      if (from.isByHand) return (await files.read(project, file, null))?.answer ?? null;
      const connection = connections.of(from.socket);
      const whoPulls = pulls.only(from.key, project);
      const [speaker, holder] = [speakerOf(from), await holderOf(project, from.key)];
      const client = speaker ?? holder ?? (await clientBehind(project, from)) ?? whoPulls;
      if (client !== null) await refuseLatePull(project, client, connection);
      const sent = await files.read(project, file, client);
      // Where the connection is its own, or it is the one that is pulling now, and nobody else has the lock. Else this may be for another,
      // and the client must show by what it pushes that it has it.
      const mayPull = client !== null && (holder === null || holder.writer === client.writer);
      const isItsOwn = mayPull && (connection.client?.writer === client.writer || client.writer === whoPulls?.writer);
      const goesOn = !from.isRelayed || (sent !== null && sent.answer.length <= PASSED_ON_AT_ONCE);
      if (sent !== null && isItsOwn && goesOn) connection.unconfirmed.push(sent.received);
      return sent?.answer ?? null;
    },

    async push(project, file, body, { client, socket }) {
      const connection = connections.named(socket, client);
      connection.hasPushed = true;
      // The list that made somebody push everything was this one's.
      if (connection.pushing?.project === project && connection.pushing.of?.writer !== client.writer) {
        const { progress, sessions } = await book.step(client, project);
        if (progress.phase !== 'pushes') book.note(client, project, list({ sessions, progress: { ...progress, phase: 'works' } }, false));
      }
      const mayWrite = await locks.mayWrite(project, client.id);
      let isKept = false;
      try {
        const time = await files.push(project, file, body, client);
        isKept = true;
        if (mayWrite !== true) throw new Refusal(403, REASONS[mayWrite]);
        return time;
      } finally {
        book.note(client, project, push(await book.step(client, project), file, isKept));
      }
    },

    arrived(socket) {
      const connection = connections.of(socket);
      for (const received of connection.unconfirmed) received();
      connection.unconfirmed = [];
    },

    close: () => files.close(),
  };
}
