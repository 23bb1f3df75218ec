import { bodySha256 } from '../../core/crypto/body-hash.ts';
import { equalBytes } from '../../core/crypto/hash.ts';
import { bytesToHex } from '../../core/ids.ts';
import type { Content } from '../../core/content.ts';
import type { FileProblem, FileStat } from '../../core/ports/files.ts';
import type { Applied, Outstanding } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { TreeContext } from './context.ts';
import { removeHollowFolder } from './remove-from-place.ts';
import { encodeNote, isExecutable, isLink, isRacy } from './stat-note.ts';
import { diskPath, extendPrefix, rememberPrefix } from './tree-memory.ts';

/** An item that may be put in place: what stands there now is what the view shows, or begins what is to come. */
export interface ReadyPut {
  readonly outstanding: Outstanding & { readonly content: Content };
  readonly stat: FileStat | null;
  /** The whole body, or what follows the file's present end. */
  readonly piece: Uint8Array;
  /** A folder stands there, and goes if there is nothing in it. */
  readonly folderGivesWay: boolean;
  /** `extend`: `piece` goes to the end of the file as it is; `keep`: the file holds it already. */
  readonly way: 'write' | 'extend' | 'keep';
}

/** Writes one item. On a problem the file is as it was, or someone else just changed it. */
export async function putInPlace(context: TreeContext, ready: ReadyPut): Promise<Result<Applied, FileProblem>> {
  const { files, memory } = context;
  const { item, content } = ready.outstanding;
  const path = diskPath(memory, item.name);
  if (ready.folderGivesWay) {
    // Empty folders are no items, and give way.
    const removed = await removeHollowFolder(context, path);
    if (!removed.ok) return removed;
  }
  const readAt = context.clock.now();
  let put = await putBody(context, path, ready);
  if (!put.ok && put.error.type === 'missing' && ready.stat === null) {
    const place = await files.makeFolder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    put = place.ok ? await putBody(context, path, ready) : place;
  }
  if (!put.ok) return put;
  const sha256 = ready.way === 'extend' ? await hashWhole(context, path, ready, put.value) : ok(hashBody(context, ready, put.value));
  if (!sha256.ok) return sha256;
  if (ready.way !== 'keep') memory.putHere.add(item.name);
  const unsettled = isRacy(put.value, readAt, context.limits.racyMs);
  // A form has other bytes here than in the space.
  const length = ready.way === 'extend' ? content.size : ready.piece.length;
  // Where the user turned its mode meanwhile, the file does not look as noted, and is looked at again.
  const stat = ready.way === 'extend' && ready.stat !== null ? { ...put.value, mode: ready.stat.mode } : put.value;
  return ok({ item, content, local: encodeNote({ stat, sha256: sha256.value, length, unsettled }) });
}

function putBody(context: TreeContext, path: string, ready: ReadyPut): Promise<Result<FileStat, FileProblem>> {
  const { files } = context;
  const { attributes } = ready.outstanding.content;
  const { stat, piece, way } = ready;
  if (way === 'keep' && stat !== null) return Promise.resolve(ok(stat));
  const modifiedAt = context.rules.modifiedAt?.(ready.outstanding.item.kind, piece, context.clock.now()) ?? null;
  const time = modifiedAt === null ? {} : { modifiedAt };
  if (way === 'extend' && stat !== null) return files.extend(path, piece, stat, time);
  if (isLink(attributes)) return files.writeLink(path, Buffer.from(piece).toString(), stat);
  return files.write(path, piece, { expected: stat, mode: modeFor(stat, isExecutable(attributes)), ...time });
}

/** The file's own permissions, with the executable bit for whoever may read it. A new file is private. */
function modeFor(stat: FileStat | null, executable: boolean): number {
  const mode = stat?.type === 'file' ? stat.mode : 0o600;
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;
}

/** Of what will grow the state is kept, so that neither its next growth here nor the next from elsewhere reads it whole. */
function hashBody({ memory, rules }: TreeContext, { outstanding, piece }: ReadyPut, after: FileStat): string {
  const { item, content } = outstanding;
  const grows = rules.appends(item.kind) && !isLink(content.attributes);
  return grows ? rememberPrefix(memory, item.name, piece, after.ino) : bytesToHex(bodySha256(piece));
}

/** The hash of an extended file: from the state kept of its beginning, or by reading it. */
async function hashWhole(context: TreeContext, path: string, ready: ReadyPut, after: FileStat): Promise<Result<string, FileProblem>> {
  const { name } = ready.outstanding.item;
  const prefix = context.memory.prefixes.get(name);
  if (prefix !== undefined && prefix.ino === after.ino && prefix.length === after.size - ready.piece.length) {
    return ok(extendPrefix(context.memory, name, prefix, ready.piece));
  }
  const read = await context.files.read(path);
  if (!read.ok) return read;
  const tail = read.value.bytes.subarray(read.value.bytes.length - ready.piece.length);
  if (read.value.bytes.length !== after.size || !equalBytes(tail, ready.piece)) {
    return fail({ type: 'changed', message: `${JSON.stringify(path)} is not what it was` });
  }
  return ok(rememberPrefix(context.memory, name, read.value.bytes, after.ino));
}
