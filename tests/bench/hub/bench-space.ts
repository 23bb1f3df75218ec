import { randomBytes } from 'node:crypto';
import { sealBundle, sealCommitBody, type SealedObject } from '../../../src/core/crypto/object-cipher.ts';
import { createSigningKey, type SigningKey } from '../../../src/core/crypto/signing.ts';
import { bytesToHex, type CommitId, type Revision } from '../../../src/core/ids.ts';
import { encodeCommit, resultingRevision } from '../../../src/core/log/commit-codec.ts';
import { headAfter, sealRecord, type Head, type LogRecord } from '../../../src/core/log/record.ts';
import type { Remote } from '../../../src/core/ports/remote.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import type { Replica } from '../../../src/core/replica/replica.ts';
import { createSystemClock, createSystemRandom } from '../../../src/node/system.ts';
import { createSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { createZstd } from '../../../src/store/zstd.ts';
import { createObjectStoreDouble } from '../../contracts/memory-store.ts';
import { createTestMachine, foundSpace } from '../../doubles/machine.ts';
import { createSeededRandom } from '../seeded-random.ts';

/** A commit with bodies of some 500 bytes, sealed and not signed yet: that needs the record before it. */
export interface PreparedCommit {
  readonly id: CommitId;
  readonly body: Uint8Array;
  readonly object: SealedObject;
  /** The object is not known to the remote. */
  readonly isFresh: boolean;
}

export interface CommitMakerOptions {
  /** Items that are written in turn. */
  readonly items: number;
  /** Of their names, so that several makers of one space never meet in an item. */
  readonly prefix?: string;
  readonly signing?: SigningKey;
  /** Commits whose bodies lie in one object: 1 as where somebody edits, more where much is captured at once. */
  readonly perObject?: number;
  /** Of one commit, each of another item: 1. */
  readonly changes?: number;
}

interface Bodies {
  readonly object: SealedObject;
  readonly texts: readonly Buffer[];
  /** Of each text in the object. */
  readonly offsets: readonly number[];
}

export interface CommitMaker {
  readonly replica: Replica;
  readonly head: Head;
  prepare(): Promise<PreparedCommit>;
  /** The record behind `head`. */
  sign(commit: PreparedCommit, head: Head): LogRecord;
  /** The next so many of a log that nobody else writes to. */
  next(count: number): Promise<{ readonly records: LogRecord[]; readonly objects: SealedObject[] }>;
}

/** A machine with the product's engine and a store of its own; who knows its seed can be it again. */
export async function createBenchMachine(
  name: string,
  seed: string = bytesToHex(randomBytes(16)),
  file = ':memory:',
): Promise<ReplicaDeps> {
  const deps = await createTestMachine({
    name,
    seed,
    store: await createSqliteStore({ path: file, checksNesting: false }),
    objects: createObjectStoreDouble(),
    clock: createSystemClock(),
  });
  return { ...deps, compression: createZstd(), random: createSystemRandom() };
}

/** Founds a space there; what it makes are genuine commits: signed, encrypted, valid by the rule. */
export async function foundBenchSpace(deps: ReplicaDeps, remote: Remote, options: CommitMakerOptions): Promise<CommitMaker> {
  return createCommitMaker(await foundSpace(deps, remote), options);
}

export async function createCommitMaker(replica: Replica, options: CommitMakerOptions): Promise<CommitMaker> {
  const { items, prefix = 'note', signing = replica.deps.machine.key, perObject = 1, changes = 1 } = options;
  if (changes > items) throw new RangeError('a commit changes an item once');
  const { space, deps, keys, keyId } = replica;
  const revisions = new Map<string, Revision>();
  const words = createSeededRandom(items);
  let made = 0;
  let bodies: Bodies | null = null;
  let last = await replica.head();
  if (last === null) throw new Error('the space has no log');

  async function sealTexts(commit: CommitId): Promise<Bodies> {
    const texts = Array.from({ length: perObject * changes }, (_, n) => {
      const text = Array.from({ length: 120 }, () => words.int(0, 36 ** 4).toString(36)).join(' ');
      return Buffer.from(`${prefix} ${made + n}\n${text}\n`);
    });
    const binding = { space, keyId, signer: signing.machine, commit };
    let end = 0;
    const offsets = texts.map(({ length }) => (end += length) - length);
    return { texts, offsets, object: await sealBundle(Buffer.concat(texts), binding, keys, deps.compression, deps.random, 'fast') };
  }

  async function prepare(): Promise<PreparedCommit> {
    const id = bytesToHex(randomBytes(16)) as CommitId;
    const place = made % (perObject * changes);
    bodies = place === 0 || bodies === null ? await sealTexts(id) : bodies;
    const { object, texts, offsets } = bodies;
    const puts = Array.from({ length: changes }, (_, n) => {
      const item = { kind: 'text', name: `${prefix}-${(made + n) % items}.md` };
      const plain = texts[place + n]!;
      const content = {
        digest: replica.bodies.digestOf(plain, {}),
        size: plain.length,
        attributes: {},
        pieces: [{ object: object.id, keyId, offset: offsets[place + n]!, length: plain.length }],
      };
      const change = { type: 'put' as const, item, base: revisions.get(item.name) ?? null, needs: [], content, history: [] };
      revisions.set(item.name, resultingRevision(change));
      return change;
    });
    made += changes;
    const commit = { id, time: deps.clock.now(), message: '', writer: 'bench', changes: puts, carried: [] };
    const binding = { space, keyId, signer: signing.machine, commit: id };
    const body = await sealCommitBody(encodeCommit(commit, { objects: [object.id], keyId }), binding, keys, deps.compression, deps.random);
    return { id, body, object, isFresh: place === 0 };
  }

  function sign({ id, body, object }: PreparedCommit, head: Head): LogRecord {
    const { position, hash: previous, term } = head;
    const fields = {
      type: 'commit',
      space,
      id,
      position: position + 1,
      previous,
      term,
      keyId,
      objects: [object.id],
      previousControl: null,
    } as const;
    return sealRecord(fields, body, signing);
  }

  return {
    replica,
    get head() {
      return last as Head;
    },
    prepare,
    sign,
    async next(count) {
      const records: LogRecord[] = [];
      const objects: SealedObject[] = [];
      while (records.length < count) {
        const commit = await prepare();
        const record = sign(commit, last as Head);
        records.push(record);
        if (commit.isFresh) objects.push(commit.object);
        last = headAfter(record);
      }
      return { records, objects };
    },
  };
}

/** Of a machine for which nothing is kept. */
export function createBenchKey() {
  return createSigningKey(randomBytes(32));
}
