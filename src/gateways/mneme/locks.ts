import { acquireLease, LEASE_PART, readLastLease, readLease, releaseLease, renewLease, type Lease } from '../../core/lease.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import { rememberedOf } from '../../core/replica/remembered.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';

/** Why a client does not hold a project's lock. */
export type NotHeld = 'nobody' | 'another';

/** The locks of projects: leases of this node. `also` runs in the same transaction. */
export interface Locks {
  /** The lock, taken or renewed, or the one that is in the way. */
  acquire(project: MnemeProject, client: string, also: Also<boolean>): Promise<{ readonly isTaken: boolean; readonly lock: Lease }>;
  release(project: MnemeProject, client: string, also: Also<boolean>): Promise<'released' | NotHeld>;
  extend(project: MnemeProject, client: string): Promise<Lease | NotHeld>;
  read(project: MnemeProject): Promise<Lease | null>;
  /** Who holds it, or held it when it lapsed. */
  holder(project: MnemeProject): Promise<string | null>;
  /** Holds it, or held it when it lapsed and nobody took it since: sessions are longer than locks. */
  mayWrite(project: MnemeProject, client: string): Promise<true | NotHeld>;
}

type Also<T> = (tx: StoreTransaction, outcome: T) => Promise<void>;

/** As `satchel leases` shows it. */
export const leaseOf = (project: MnemeProject): string => `mneme/${project}`;

export function createLocks(deps: { readonly store: Store; readonly clock: Clock; readonly lifetime: number }): Locks {
  const { store, clock, lifetime } = deps;
  /** Held ones and lapsed ones: which of the two says the clock. */
  const lastOf = rememberedOf(
    store,
    (project: MnemeProject) => store.read((tx) => readLastLease(tx.documents, leaseOf(project))),
    LEASE_PART,
  );

  return {
    acquire: (project, client, also) =>
      store.write(async (tx) => {
        const wish = { name: leaseOf(project), holder: client, lifetime };
        const taken = await acquireLease(tx.documents, wish, clock.now());
        await also(tx, taken.ok);
        if (taken.ok) return { isTaken: true, lock: taken.value };
        if (taken.error.type === 'held') return { isTaken: false, lock: taken.error.by };
        throw new Error('a lease that was never held was lost');
      }),
    release: (project, client, also) =>
      store.write(async (tx) => {
        const now = clock.now();
        const held = await readLease(tx.documents, leaseOf(project), now);
        const isOwn = held?.holder === client;
        // One that lapsed is given up too: whose session is over needs no way back in.
        const last = await readLastLease(tx.documents, leaseOf(project));
        if (isOwn) await releaseLease(tx.documents, leaseOf(project), now, held.generation);
        else if (held === null && last?.holder === client) await forget(tx, last, now);
        await also(tx, isOwn);
        return isOwn ? 'released' : held === null ? 'nobody' : 'another';
      }),
    extend: (project, client) =>
      store.write(async (tx) => {
        const held = await readLease(tx.documents, leaseOf(project), clock.now());
        if (held === null) return 'nobody';
        if (held.holder !== client) return 'another';
        const renewed = await renewLease(tx.documents, held, lifetime, clock.now());
        return renewed.ok ? renewed.value : 'nobody';
      }),
    async read(project) {
      const last = await lastOf(project);
      return last !== null && last.expires > clock.now() ? last : null;
    },
    holder: async (project) => (await lastOf(project))?.holder ?? null,
    async mayWrite(project, client) {
      const last = await lastOf(project);
      if (last?.holder === client) return true;
      return last !== null && last.expires > clock.now() ? 'another' : 'nobody';
    },
  };
}

/** Takes the lapsed lease for a moment and gives it up. */
async function forget(tx: StoreTransaction, { name, holder }: Lease, now: number): Promise<void> {
  const again = await acquireLease(tx.documents, { name, holder, lifetime: 1 }, now);
  if (again.ok) await releaseLease(tx.documents, name, now, again.value.generation);
}
