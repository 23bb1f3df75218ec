import { createReadStream } from 'node:fs';
import { access, open, readFile, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { Encrypter } from 'age-encryption';
import { makeFolders } from '../make-folders.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { DamagedObject } from '../../core/ports/objects.ts';
import { isDiskFull } from '../disk-full.ts';
import { readPrivate } from '../home.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';
import { noteBackup } from './last-backup.ts';
import { BACKUP_MAGIC, encodeEntryHeader, type BackupEntry } from './backup-format.ts';

export interface BackupResult {
  readonly file: string;
  readonly bytes: number;
  readonly objects: number;
  /** Who can open it. */
  readonly recipients: readonly string[];
  /** Objects that are damaged here and so are missing in the backup. */
  readonly damaged: number;
}

interface BackupContext {
  readonly progress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Writes all of this node's store to `file`, encrypted for the personal space's recovery key, this machine, and whom
 * `to` names, while the node goes on: a copy of the database of one moment, then every object that is here. The file
 * is there when it is complete and on disk, and never before. Memory: a few MiB.
 */
export async function writeBackup(node: SatchelNode, file: string, to: readonly string[], context: BackupContext): Promise<BackupResult> {
  if (!path.isAbsolute(file)) throw new OperationFailure('usage', 'bad-path', 'the path of a backup is absolute');
  await refuseExisting(file);
  const recipients = recipientsOf(node, to);
  await refuseMissingFolder(path.dirname(file));
  const copy = await copyDatabase(node);
  const partial = `${file}.partial-${process.pid}`;
  try {
    const found = { objects: 0, damaged: 0 };
    const handle = await open(partial, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      throw new OperationFailure('failed', 'cannot-write', `${path.dirname(file)} cannot be written: ${error.message}`);
    });
    try {
      const encrypter = new Encrypter();
      for (const recipient of recipients) encrypter.addRecipient(recipient);
      const plain = ReadableStream.from(entries(node, copy, found, context)) as ReadableStream<Uint8Array>;
      await writeAll(handle, (await encrypter.encrypt(plain)) as AsyncIterable<Uint8Array>);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await refuseExisting(file);
    await rename(partial, file);
    const folder = await open(path.dirname(file), 'r');
    await folder.sync().finally(() => folder.close());
    const { size: bytes } = await stat(file);
    await noteBackup(node.store, { at: node.deps.clock.now(), bytes });
    return { file, bytes, recipients, ...found };
  } catch (error) {
    throw isDiskFull(error) ? noRoom(path.dirname(file)) : error;
  } finally {
    await rm(partial, { force: true });
    await rm(copy, { force: true });
  }
}

/** What only this machine could open would be of no use once it is lost. */
function recipientsOf(node: SatchelNode, to: readonly string[]): string[] {
  const own = [...node.spaces.values()].filter((space) => space.entry.name === PERSONAL && space.replica.canWrite);
  const recovery = own.map(({ replica }) => replica.membership.recovery.recipient);
  if (recovery.length + to.length === 0)
    throw new OperationFailure(
      'usage',
      'no-recipient',
      'this node has no personal space, and so no recovery key that could open the backup',
      'Name an age recipient: satchel store backup FILE --to age1…',
    );
  return [...new Set([...recovery, node.deps.machine.recipient, ...to])];
}

async function refuseExisting(file: string): Promise<void> {
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists) throw new OperationFailure('usage', 'exists', `${file} is there already: a backup overwrites nothing`, 'Name a new file');
}

/** Before the store is copied for it. */
async function refuseMissingFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error || !found.isDirectory())
    throw new OperationFailure(
      'usage',
      'no-folder',
      `${folder} is no folder that can be written to${found instanceof Error ? `: ${found.message}` : ''}`,
      'Name a file in a folder that is there',
    );
}

function noRoom(folder: string): OperationFailure {
  return new OperationFailure(
    'failed',
    'disk-full',
    `the disk of ${folder} is full: no backup was written`,
    'Make room there, and run the same again',
  );
}

/** In the node's own folder, since it is plaintext; copies that a killed process left are removed first. */
async function copyDatabase(node: SatchelNode): Promise<string> {
  const backUp = node.store.backup?.bind(node.store);
  if (backUp === undefined)
    throw new OperationFailure(
      'refused',
      'shared-store',
      'this hub’s store is in a database that is backed up by its own means',
      'Use what your database is backed up with, or pg_dump as its superuser; as the hub’s own user: PGOPTIONS="-c satchel.node=on" pg_dump --enable-row-security …',
    );
  const { backups } = node.home;
  await makeFolders(backups);
  for (const name of await readdir(backups)) if (name.startsWith('copy-')) await rm(path.join(backups, name), { force: true });
  const copy = path.join(backups, `copy-${process.pid}-${node.deps.clock.now()}.db`);
  try {
    await backUp(copy);
  } catch (error) {
    await rm(copy, { force: true });
    throw isDiskFull(error) ? noRoom(backups) : error;
  }
  return copy;
}

async function* entries(
  node: SatchelNode,
  copy: string,
  found: { objects: number; damaged: number },
  { progress, signal }: BackupContext,
): AsyncGenerator<Uint8Array> {
  const listed: { space: SpaceId; id: ObjectId; size: number }[] = [];
  for (const space of await node.store.read((tx) => tx.logs.spaces())) {
    for await (const { id, size } of node.objects.list(space)) listed.push({ space, id, size });
  }
  const { size } = await stat(copy);
  const total = listed.reduce((sum, object) => sum + object.size, size);
  let done = 0;
  yield BACKUP_MAGIC;
  yield encodeEntryHeader(await manifestOf(node));
  const config = await readPrivate(path.join(node.home.root, 'config.json'));
  if (config !== null) {
    yield encodeEntryHeader({ type: 'file', name: 'config.json', size: Buffer.byteLength(config) });
    yield Buffer.from(config);
  }
  yield encodeEntryHeader({ type: 'file', name: 'store.db', size });
  for await (const part of createReadStream(copy, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    yield part;
    progress((done += part.length), total);
  }
  for (const batch of batches(listed)) {
    signal.throwIfAborted();
    for (const [object, bytes] of await readBatch(node, batch, found)) {
      yield encodeEntryHeader({ type: 'object', space: object.space, id: object.id, size: bytes.length });
      yield bytes;
      found.objects += 1;
    }
    progress((done += batch.reduce((sum, object) => sum + object.size, 0)), total);
  }
  yield encodeEntryHeader({ type: 'end', size: 0, objects: found.objects });
}

async function manifestOf(node: SatchelNode): Promise<BackupEntry> {
  return {
    type: 'manifest',
    size: 0,
    made: new Date(node.deps.clock.now()).toISOString(),
    version: node.options.version,
    machine: { id: node.deps.machine.key.machine, file: await readFile(path.join(node.home.keys, 'machine.json'), 'utf8') },
    home: node.home.root,
    host: hostname(),
  };
}

type Listed = { readonly space: SpaceId; readonly id: ObjectId; readonly size: number };

/** Objects that went meanwhile are left out; damaged ones are counted. */
async function readBatch(node: SatchelNode, batch: readonly Listed[], found: { damaged: number }): Promise<[Listed, Uint8Array][]> {
  const read: [Listed, Uint8Array][] = [];
  for (const object of batch) {
    try {
      const bytes = (await node.objects.get(object.space, [object.id])).get(object.id);
      if (bytes !== undefined) read.push([object, bytes]);
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      found.damaged += 1;
    }
  }
  return read;
}

function* batches(listed: readonly Listed[]): Generator<readonly Listed[]> {
  let batch: Listed[] = [];
  let bytes = 0;
  for (const object of listed) {
    batch.push(object);
    bytes += object.size;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

async function writeAll(handle: FileHandle, parts: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const part of parts) {
    for (let at = 0; at < part.length;) at += (await handle.write(part, at)).bytesWritten;
  }
}
