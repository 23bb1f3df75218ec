import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Store } from '../../core/ports/store.ts';
import { remembered } from '../../core/replica/remembered.ts';
import { createTokenBook, type IssuedToken } from '../../core/token-book.ts';
import { isUser } from './user.ts';

export type ClientToken = IssuedToken<{ readonly user: string }>;

export interface Device {
  readonly id: string;
  /** What it called itself last. */
  readonly name: string | null;
  readonly admittedAt: number;
  /** All that it called itself, where that was more than one name. */
  readonly names?: readonly string[];
  /** How often it called itself otherwise than the time before: once for a machine that was renamed, again and again for two. */
  readonly switches?: number;
}

/** Why a device's pushes are refused. They are, until it says something else. */
export interface RefusedPush {
  readonly reason: string;
  /** Milliseconds since 1970 of the first one. */
  readonly since: number;
  /** Of the last one that was noted, some minutes late; absent in what versions before 2026-12 noted. */
  readonly last?: number;
}

/** Who may use this gateway: users by their tokens, and the devices of each. */
export interface Clients {
  /** Whether the token is one of this user. Compared in constant time. O(tokens). */
  isAllowed(user: string, token: string): Promise<boolean>;
  /** Whether somebody showed this token since the process began, by its id. */
  wasShown(id: string): boolean;
  /** Calls back with the id of a token that is shown for the first time. Gives back what ends it. */
  onShown(listener: (id: string) => void): () => void;
  /** Lets a device in, durably, once. False over the limit. */
  admit(user: string, device: string, name: string | null): Promise<boolean>;
  devices(user: string): Promise<readonly Device[]>;
  removeDevice(user: string, device: string): Promise<boolean>;
  /** Takes in how a push of an admitted device ended; `null`: it was taken. Writes only what is new. */
  pushed(user: string, device: string, refusal: string | null): Promise<void>;
  /** Devices whose pushes are refused, by their ids. */
  refusals(user: string): Promise<ReadonlyMap<string, RefusedPush>>;
  tokens(): Promise<readonly ClientToken[]>;
  /** A new token of 256 random bits, which nobody can be told again. */
  addToken(user: string, name: string): Promise<{ readonly id: string; readonly token: string }>;
  removeToken(id: string): Promise<boolean>;
}

const TOKENS = 'claude-mem-tokens';
const TOKEN_PREFIX = 'cmem_';
const REASON_LENGTH = 500;
/** A worker tries again for as long as it is refused: not each time is noted. Milliseconds. */
const NOTED_AGAIN = 300_000;
/** More says nothing more. */
const SWITCHES = 10;
const NAMES = 10;
const refusedOf = (user: string): string => `claude-mem-refused/${user}`;
const devicesOf = (user: string): string => `claude-mem-devices/${user}`;

export interface ClientsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Devices that one user may have. */
  readonly deviceLimit: number;
}

/** Remembers what it read of a user for as long as nobody writes it; where other processes write to the store, it asks each time. */
export function createClients({ store, clock, random, deviceLimit }: ClientsDeps): Clients {
  const tokens = createTokenBook<{ readonly user: string }>({ store, clock, random, collection: TOKENS, prefix: TOKEN_PREFIX });
  const shown = new Set<string>();
  const listeners = new Set<(id: string) => void>();
  const devicesFor = lookOf<Device>(devicesOf);
  const refusedFor = lookOf<RefusedPush>(refusedOf);

  /** The documents of a user's own collection. */
  function lookOf<T>(collectionOf: (user: string) => string): (user: string) => Promise<ReadonlyMap<string, T>> {
    const looks = new Map<string, () => Promise<ReadonlyMap<string, T>>>();
    const lookAt = async (collection: string): Promise<ReadonlyMap<string, T>> => {
      const list = await store.read((tx) => tx.documents.list<T>(collection));
      return new Map(list.map(({ id, value }) => [id, value]));
    };
    return (user) => {
      const collection = collectionOf(user);
      const look = looks.get(user) ?? remembered(store, () => lookAt(collection), `documents in ${collection}`);
      looks.set(user, look);
      return look();
    };
  }

  /** It calls itself otherwise than before. */
  async function noteName(user: string, device: Device, name: string): Promise<void> {
    const { switches = 0, names = [] } = device;
    if (switches >= SWITCHES) return;
    const all = [...new Set([...names, ...(device.name === null ? [] : [device.name]), name])].slice(0, NAMES);
    const noted = device.name === null ? { ...device, name } : { ...device, name, names: all, switches: switches + 1 };
    await store.write((tx) => tx.documents.put(devicesOf(user), device.id, noted));
  }

  return {
    async isAllowed(user, token) {
      const found = await tokens.find(token);
      if (found?.user !== user) return false;
      if (!shown.has(found.id)) {
        shown.add(found.id);
        for (const listener of listeners) listener(found.id);
      }
      return true;
    },

    wasShown: (id) => shown.has(id),

    onShown(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async admit(user, id, name) {
      const known = (await devicesFor(user)).get(id);
      if (known !== undefined) {
        if (name !== null && name !== known.name) await noteName(user, known, name);
        return true;
      }
      const device = await store.write(async (tx): Promise<Device | null> => {
        // Asked again inside: two devices may come at once.
        const list = await tx.documents.list<Device>(devicesOf(user));
        const there = list.find((each) => each.id === id);
        if (there !== undefined) return there.value;
        if (list.length >= deviceLimit) return null;
        const admittedNow = { id, name, admittedAt: clock.now() };
        await tx.documents.put(devicesOf(user), id, admittedNow);
        return admittedNow;
      });
      return device !== null;
    },

    devices: async (user) => [...(await devicesFor(user)).values()],

    async removeDevice(user, id) {
      if (!(await devicesFor(user)).has(id)) return false;
      await store.write(async (tx) => {
        await tx.documents.remove(devicesOf(user), id);
        await tx.documents.remove(refusedOf(user), id);
      });
      return true;
    },

    refusals: refusedFor,

    async pushed(user, device, refusal) {
      const before = (await refusedFor(user)).get(device);
      if (refusal === null) {
        if (before === undefined) return;
        await store.write((tx) => tx.documents.remove(refusedOf(user), device));
        return;
      }
      if (!(await devicesFor(user)).has(device)) return;
      const reason = refusal.slice(0, REASON_LENGTH);
      const now = clock.now();
      if (before?.reason === reason && Math.abs(now - (before.last ?? 0)) < NOTED_AGAIN) return;
      const noted: RefusedPush = { reason, since: before?.since ?? now, last: now };
      await store.write((tx) => tx.documents.put(refusedOf(user), device, noted));
    },

    tokens: () => tokens.list(),

    async addToken(user, name) {
      if (!isUser(user)) throw new RangeError('no user is called so');
      return tokens.add(name, { user });
    },

    removeToken: (id) => tokens.remove(id),
  };
}
