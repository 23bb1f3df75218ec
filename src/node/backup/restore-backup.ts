import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { Decrypter } from 'age-encryption';
import { isHex32, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { createFolderObjects } from '../../store/chunks/folder-objects.ts';
import { StoreUnusable } from '../../store/store-unusable.ts';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { forgetBucket } from '../hub-objects.ts';
import { forgetPlace } from '../copied-store/forget-place.ts';
import { nodeHome, readPrivate, writePrivate } from '../home.ts';
import { makeFolders } from '../make-folders.ts';
import { BackupReader, BackupUnreadable, type BackupEntry } from './backup-format.ts';

export interface RestoreOptions {
  readonly file: string;
  /** SATCHEL_HOME: not there, or an empty folder. */
  readonly home: string;
  /** An age identity that the backup was encrypted for. */
  readonly identity: string;
  /** The store that was backed up is gone for good: this one goes on as its machine. */
  readonly asSameMachine: boolean;
  readonly random: Random;
  readonly clock: Clock;
  readonly onProgress: (done: number) => void;
}

export interface Restored {
  readonly made: string;
  readonly machine: string;
  readonly objects: number;
  readonly asSameMachine: boolean;
}

/** Why nothing was restored. */
export class RestoreRefused extends Error {
  override readonly name = 'RestoreRefused';
  readonly type: 'not-empty' | 'wrong-key' | 'still-there';
  constructor(type: RestoreRefused['type'], message: string) {
    super(message);
    this.type = type;
  }
}

const BATCH_BYTES = 8 * 1024 * 1024;
const OBJECT_LIMIT = 8 * 1024 * 1024;

/**
 * Brings a backup back into an empty SATCHEL_HOME: all of it or nothing. What the home's writers were shown is not
 * taken over: files are compared anew, so that one that is missing here comes back instead of counting as deleted.
 * The store gets a new machine identity at its first start, since two stores must never act as one machine, unless
 * the caller says that the other one is gone. Throws {@link RestoreRefused}, {@link BackupUnreadable}.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const target = path.resolve(options.home);
  await refuseFilled(target);
  await makeFolders(path.dirname(target));
  const folder = await mkdtemp(`${target}.restoring-`);
  try {
    const restored = await unpack(options, folder);
    await refuseFilled(target);
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(folder, target);
    const parent = await open(path.dirname(target), 'r');
    await parent.sync().finally(() => parent.close());
    return restored;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Throws {@link RestoreRefused}. */
export async function refuseFilled(home: string): Promise<void> {
  const names = await readdir(home).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0) throw new RestoreRefused('not-empty', `${home} is not empty: a backup is restored where nothing is`);
}

async function unpack(options: RestoreOptions, folder: string): Promise<Restored> {
  const home = nodeHome(folder);
  await mkdir(home.keys, { mode: 0o700 });
  const reader = new BackupReader(await decrypted(options));
  await reader.begin();
  const manifest = await reader.next();
  if (manifest.type !== 'manifest') throw new BackupUnreadable('the backup does not begin with its manifest');
  await refuseTwins(options, manifest);
  const objects = createFolderObjects({ path: home.objects, random: options.random });
  const files = new Map([
    ['store.db', home.store],
    ['config.json', path.join(folder, 'config.json')],
  ]);
  let count = 0;
  try {
    let space: SpaceId | null = null;
    let batch: SealedObject[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      if (space !== null) await objects.put(space, batch);
      [batch, bytes] = [[], 0];
    };
    for (;;) {
      const entry = await reader.next();
      if (entry.type === 'end') {
        await flush();
        if (entry.objects !== count) throw new BackupUnreadable(`${count} objects are there, ${entry.objects} were announced`);
        break;
      }
      const file = entry.type === 'file' ? files.get(entry.name) : undefined;
      if (entry.type === 'file' && file !== undefined) {
        files.delete(entry.name); // each stands there once
        await writeFile(reader, entry.size, file);
      } else if (entry.type === 'object' && isHex32(entry.id) && isHex32(entry.space) && entry.size <= OBJECT_LIMIT) {
        if (space !== entry.space || bytes > BATCH_BYTES) await flush();
        space = entry.space as SpaceId;
        const object = await reader.whole(entry.size);
        if (sha256Hex(object) !== entry.id) throw new BackupUnreadable('an object in the backup is not the one that it is called');
        batch.push({ id: entry.id as ObjectId, bytes: object });
        bytes += entry.size;
        count += 1;
      } else throw new BackupUnreadable('an entry of the backup is of an unknown type');
    }
  } finally {
    await objects.close();
  }
  if (files.has('store.db')) throw new BackupUnreadable('the backup holds no database');
  await settleStore(home.store, options);
  if (options.asSameMachine) await writePrivate(path.join(home.keys, 'machine.json'), manifest.machine.file);
  return { made: manifest.made, machine: manifest.machine.id, objects: count, asSameMachine: options.asSameMachine };
}

/** The store that the backup is of, where it is on this very disk still: then it is not gone. */
async function refuseTwins({ asSameMachine }: RestoreOptions, manifest: Extract<BackupEntry, { type: 'manifest' }>): Promise<void> {
  if (!asSameMachine || manifest.host !== hostname()) return;
  const there = await readPrivate(path.join(nodeHome(manifest.home).keys, 'machine.json'));
  if (there !== null && there.trim() === manifest.machine.file.trim())
    throw new RestoreRefused('still-there', `the store in ${manifest.home} is that machine still: two stores never act as one`);
}

async function decrypted({ file, identity, onProgress }: RestoreOptions): Promise<AsyncIterable<Uint8Array>> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  let done = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const part of createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
      yield new Uint8Array(part);
      onProgress((done += part.length));
    }
  }
  try {
    const plain = await decrypter.decrypt(ReadableStream.from(counted()) as ReadableStream<Uint8Array>);
    return checked(plain as AsyncIterable<Uint8Array>);
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error; // of the file itself
    const message = error instanceof Error ? error.message : String(error);
    if (/no identity matched/i.test(message)) throw new RestoreRefused('wrong-key', 'this key does not open the backup');
    throw new BackupUnreadable(`this is no backup of Satchel’s (${message})`);
  }
}

async function* checked(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* plain;
  } catch (error) {
    throw new BackupUnreadable(`the backup is damaged or was cut off (${error instanceof Error ? error.message : String(error)})`);
  }
}

async function writeFile(reader: BackupReader, size: number, file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const part of reader.payload(size)) await handle.write(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Takes out what belonged to the home and the process that were backed up. */
async function settleStore(file: string, { asSameMachine, clock }: RestoreOptions): Promise<void> {
  const store = await createSqliteStore({ path: file }).catch((error: unknown) => {
    // A later version's is no damage: its own words say what to do.
    if (error instanceof StoreUnusable && error.reason !== 'newer')
      throw new BackupUnreadable(`the database in the backup is damaged: ${error.message}`);
    throw error;
  });
  try {
    const damage = await store.verify();
    if (damage[0] !== undefined) throw new BackupUnreadable(`the database in the backup is damaged: ${damage[0]}`);
    await forgetBucket(store);
    await forgetPlace(store, { invitations: !asSameMachine, now: clock.now() });
  } finally {
    await store.close();
  }
}
