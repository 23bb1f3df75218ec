import { equalBytes, sha256 } from './crypto/hash.ts';
import { bytesToHex, hexToBytes } from './ids.ts';
import type { Clock } from './ports/clock.ts';
import type { Random } from './ports/random.ts';
import type { Store } from './ports/store.ts';
import { remembered } from './replica/remembered.ts';

/** A token as people see it: what it opens, `G`, stands in it as its gateway means it. */
export type IssuedToken<G> = G & {
  readonly id: string;
  /** What it was made for, for people. */
  readonly name: string;
  readonly createdAt: number;
};

/** As it lies in the store: the token itself is shown once, where it is made. */
type StoredToken<G> = G & {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly name: string;
  readonly createdAt: number;
};

/** The tokens of one gateway. */
export interface TokenBook<G> {
  /** What this token is; `null` for none. Compared in constant time with each. O(tokens). */
  find(token: string): Promise<IssuedToken<G> | null>;
  list(): Promise<readonly IssuedToken<G>[]>;
  /** A new token of 256 random bits, which nobody can be told again. */
  add(name: string, grant: G): Promise<{ readonly id: string; readonly token: string }>;
  /** False where there is none of that id. */
  remove(id: string): Promise<boolean>;
}

export interface TokenBookDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the store's documents. */
  readonly collection: string;
  /** Of every token, so that one that leaked is recognised. */
  readonly prefix: string;
}

/** Remembers what it read for as long as nobody writes to the collection; where other processes write to the store, it asks each time. */
export function createTokenBook<G extends object>({ store, clock, random, collection, prefix }: TokenBookDeps): TokenBook<G> {
  async function load(): Promise<{ readonly hash: Uint8Array; readonly token: IssuedToken<G> }[]> {
    const documents = await store.read((tx) => tx.documents.list<StoredToken<G>>(collection));
    return documents.map(({ id, value: { hash, ...rest } }) => ({
      hash: hexToBytes(hash),
      token: { ...rest, id } as unknown as IssuedToken<G>,
    }));
  }
  const stored = remembered(store, load, `documents in ${collection}`);

  return {
    async find(token) {
      const hash = sha256(token);
      let found: IssuedToken<G> | null = null;
      for (const candidate of await stored()) if (equalBytes(hash, candidate.hash)) found = candidate.token;
      return found;
    },

    list: async () => (await stored()).map(({ token }) => token),

    async add(name, grant) {
      const token = prefix + Buffer.from(random.bytes(32)).toString('base64url');
      const id = bytesToHex(random.bytes(8));
      const document: StoredToken<G> = { ...grant, name, hash: bytesToHex(sha256(token)), createdAt: clock.now() };
      await store.write((tx) => tx.documents.put(collection, id, document));
      return { id, token };
    },

    async remove(id) {
      if (!(await stored()).some(({ token }) => token.id === id)) return false;
      await store.write((tx) => tx.documents.remove(collection, id));
      return true;
    },
  };
}
