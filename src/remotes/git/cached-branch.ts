import { Mutex } from '../../core/replica/mutex.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { CacheFiles } from './cache-files.ts';
import type { GitBranch } from './git-branch.ts';
import { isCacheDamage, repositoryDamaged } from './git-errors.ts';
import type { FetchHow, GitHost } from './git-host.ts';
import type { GitObject, Oid } from './git-object.ts';
import { CacheBroken, type ObjectReader } from './object-reader.ts';

export interface CachedBranchDeps {
  readonly host: GitHost;
  readonly name: string;
  readonly files: CacheFiles;
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Where all branches stand there; throws `unreachable` for a place that is not ours. One connection. */
  readonly look: () => Promise<ReadonlyMap<string, Oid>>;
  /** What is worth a line in the log. */
  readonly note: (what: string) => void;
}

/** Past so many files or bytes, or so long after it was last looked at, a cache is made anew: without what it has no more use for. */
const WORN = { files: 20_000, bytes: 1024 * 1024 * 1024, age: 7 * 24 * 60 * 60 * 1000 };
/** Sent bodies from this size on are not kept in the cache: who sent them has them. */
const SENT_BYTES = 32 * 1024;
/** Two processes on one cache would be in each other's way; there is one, of one store, but it may open a remote twice. */
const turns = new Map<string, Mutex>();

export interface CachedBranch extends GitBranch {
  close(): Promise<void>;
}

/**
 * A branch through a bare repository here, by the real git. Processes: none where all is here; one for a refresh of a branch that is known (two where it is not),
 * one for a push, one for missing objects; and two that stay to read objects. Where the cache is damaged, as after a kill,
 * it is thrown away and fetched anew, once a call.
 */
export function createCachedBranch({ host, name, files, reader, clock, look, note }: CachedBranchDeps): CachedBranch {
  const turn = turns.get(files.folder) ?? new Mutex();
  turns.set(files.folder, turn);
  let tip: Oid | null = null;
  let isOpen = false;

  async function open(): Promise<void> {
    if (isOpen) return;
    const [size, noted] = [await files.size(), await files.notedAt()];
    const isWorn = size.files > WORN.files || size.bytes > WORN.bytes || (noted !== null && clock.now() - noted > WORN.age);
    if (isWorn) await renew(await files.isWhole());
    await files.prepare();
    tip = await files.readTip();
    isOpen = true;
  }

  async function renew(isWhole: boolean): Promise<void> {
    await files.discard();
    await files.prepare();
    if (isWhole) await files.noteWhole();
  }

  async function startAnew(why: string, isWhole?: boolean): Promise<void> {
    note(`the cache of ${host.address.text} is thrown away and fetched anew: ${why}`);
    await reader.close();
    await renew(isWhole ?? (await files.isWhole()));
    tip = null;
  }

  /** Runs what needs a sound cache, and once more on a new one where it was not. */
  async function healing<T>(work: () => Promise<T>): Promise<T> {
    try {
      await open();
      return await work();
    } catch (error) {
      if (!(error instanceof CacheBroken)) throw error;
      await startAnew(firstLine(error));
      try {
        await refresh();
        return await work();
      } catch (again) {
        // A cache that was just made is sound: what makes it none comes from there.
        if (again instanceof CacheBroken) throw repositoryDamaged(host.address.text, again.message);
        throw again;
      }
    }
  }

  /** Gives the room back. */
  async function refuse({ error }: { readonly error: RemoteError }): Promise<never> {
    await startAnew('the repository sent too much');
    throw error;
  }

  async function fetch(how: FetchHow): Promise<boolean> {
    const outcome = await host.fetch(files.folder, name, how);
    if (outcome.type === 'absent') return false;
    if (outcome.type === 'too-large') return refuse(outcome);
    if (outcome.type === 'failed') {
      if (how === 'since' && isCacheDamage(outcome.said)) return fetch('since-in-part');
      if (isCacheDamage(outcome.said)) throw new CacheBroken(outcome.said);
      throw outcome.error;
    }
    const fetched = await files.fetched();
    if (fetched === null) throw new CacheBroken('git fetched, and did not say what');
    await files.noteTip(fetched);
    tip = fetched;
    return true;
  }

  async function refresh(): Promise<Oid | null> {
    if (tip !== null && (await fetch('since'))) return tip;
    const there = (await look()).get(name);
    if (there === undefined) return (tip = null);
    if (there !== tip && !(await fetch((await files.isWhole()) ? 'newest-whole' : 'newest'))) tip = null;
    return tip;
  }

  async function ensure(oids: readonly Oid[]): Promise<void> {
    const here = await reader.present(oids);
    const missing = [...new Set(oids)].filter((oid) => !here.has(oid));
    if (missing.length === 0) return;
    const outcome = await host.fetchObjects(files.folder, missing);
    if (outcome.type === 'fetched') return;
    if (outcome.type === 'too-large') return refuse(outcome);
    if (outcome.type === 'failed' && !/unadvertised object|not our ref|bad object|did not send/i.test(outcome.said)) throw outcome.error;
    // Collected by the host with a commit that was replaced: the tip has it no more.
    if (outcome.type === 'failed' && !/unadvertised object/i.test(outcome.said)) return void (await refresh());
    // A host of git's first protocol gives out branches only: all of the branch, then.
    await startAnew('the host gives no single objects', true);
    await refresh();
  }

  async function push(commit: Oid, objects: readonly GitObject[], expected: Oid | null): ReturnType<GitBranch['push']> {
    await files.write(objects);
    const outcome = await host.push(files.folder, name, commit, expected);
    if (outcome.type === 'failed') {
      if (isCacheDamage(outcome.said)) throw new CacheBroken(outcome.said);
      throw outcome.error;
    }
    if (outcome.type === 'pushed') {
      await files.noteTip(commit);
      tip = commit;
      if (!(await files.isWhole()))
        await files.drop(objects.flatMap(({ oid, type, bytes }) => (type === 'blob' && bytes.length >= SENT_BYTES ? [oid] : [])));
    }
    return outcome.type;
  }

  return {
    get tip() {
      return tip;
    },
    refresh: () => turn.run(() => healing(refresh)),
    ensure: (oids) => turn.run(() => healing(() => ensure(oids))),
    read: (oid, limit) => turn.run(() => healing(() => reader.read(oid, limit))),
    async push(commit, objects, expected) {
      return turn.run(async () => {
        try {
          await open();
          return await push(commit, objects, expected);
        } catch (error) {
          if (!(error instanceof CacheBroken)) throw error;
          await startAnew(firstLine(error));
          throw new RemoteError('unreachable', `${host.address.text}: the cache here was damaged, and is fetched anew: try again`);
        }
      });
    },
    close: () => reader.close(),
  };
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0]?.slice(0, 200) ?? '';
}
