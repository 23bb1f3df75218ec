import type { DocumentTable } from './ports/store.ts';
import { fail, ok, type Result } from './result.ts';

/**
 * A named lock on one node: no merge relies on it, since another node knows nothing of it. The generation grows with
 * every change of hands and never repeats, so that a holder who slept through its expiry is told apart from the next.
 * Call inside one write transaction each; times are the node's clock, milliseconds.
 */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly generation: number;
  /** When its holder took it, in this generation. */
  readonly acquired: number;
  readonly expires: number;
}

/** `lost`: it expired, was released, or is someone else's by now. */
export type LeaseRefusal = { readonly type: 'held'; readonly by: Lease } | { readonly type: 'lost' };

interface StoredLease {
  /** `null`: released. The document stays, so that the generation goes on. */
  readonly holder: string | null;
  readonly generation: number;
  readonly acquired: number;
  readonly expires: number;
}

const LEASES = 'leases';
/** What of a store is written with every change of a lease. */
export const LEASE_PART = `documents in ${LEASES}` as const;

/** Takes a lease that nobody holds. Its present holder gets it anew, under a new generation: it may have restarted. */
export async function acquireLease(
  table: DocumentTable,
  wish: { readonly name: string; readonly holder: string; readonly lifetime: number },
  now: number,
): Promise<Result<Lease, LeaseRefusal>> {
  const stored = await table.get<StoredLease>(LEASES, wish.name);
  const held = current(wish.name, stored, now);
  if (held !== null && held.holder !== wish.holder) return fail({ type: 'held', by: held });
  return ok(
    await write(table, {
      name: wish.name,
      holder: wish.holder,
      generation: generationOf(stored) + 1,
      acquired: now,
      expires: now + wish.lifetime,
    }),
  );
}

/** Moves the expiry of a lease that is still held in that generation. */
export async function renewLease(table: DocumentTable, lease: Lease, lifetime: number, now: number): Promise<Result<Lease, LeaseRefusal>> {
  const held = await readLease(table, lease.name, now);
  if (held === null || held.generation !== lease.generation || held.holder !== lease.holder) return fail({ type: 'lost' });
  return ok(await write(table, { ...held, expires: now + lifetime }));
}

/** Gives a lease up, or takes it from its holder (`generation` absent). False where nobody held it in that generation. */
export async function releaseLease(table: DocumentTable, name: string, now: number, generation?: number): Promise<boolean> {
  const held = await readLease(table, name, now);
  if (held === null || (generation !== undefined && held.generation !== generation)) return false;
  await table.put<StoredLease>(LEASES, name, { holder: null, generation: held.generation, acquired: held.acquired, expires: now });
  return true;
}

/** `null` where nobody holds it now. */
export async function readLease(table: DocumentTable, name: string, now: number): Promise<Lease | null> {
  return current(name, await table.get<StoredLease>(LEASES, name), now);
}

/** The last one of that name that nobody gave up, whether it is still held or expired; `null` for none. */
export async function readLastLease(table: DocumentTable, name: string): Promise<Lease | null> {
  return leaseOf(name, await table.get<StoredLease>(LEASES, name));
}

export async function listLeases(table: DocumentTable, now: number): Promise<Lease[]> {
  return (await table.list<StoredLease>(LEASES)).flatMap(({ id, value }) => current(id, value, now) ?? []);
}

function current(name: string, stored: StoredLease | undefined, now: number): Lease | null {
  const lease = leaseOf(name, stored);
  return lease === null || lease.expires <= now ? null : lease;
}

/** What is no lease, whoever wrote it, is held by nobody: it must not keep all out for ever. */
function leaseOf(name: string, stored: StoredLease | undefined): Lease | null {
  if (typeof stored !== 'object' || stored === null) return null;
  const { holder, generation, acquired, expires } = stored;
  if (typeof holder !== 'string' || ![generation, acquired, expires].every(Number.isFinite)) return null;
  return { name, holder, generation, acquired, expires };
}

function generationOf(stored: StoredLease | undefined): number {
  const generation = stored?.generation;
  return Number.isSafeInteger(generation) ? (generation as number) : 0;
}

async function write(table: DocumentTable, { name, ...lease }: Lease): Promise<Lease> {
  await table.put<StoredLease>(LEASES, name, lease);
  return { name, ...lease };
}
