import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToHex, isHex16 } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { unless } from './errors.ts';
import { createFolderFiles, DIRECTORY_MODE } from './files.ts';
import { checkDirectories, openFile } from './open-file.ts';

/** The file that makes a folder a remote, and an empty mount point none. */
export const MARKER = 'satchel-folder.json';
export const FOLDERS = ['spaces', 'mailboxes', 'tmp'] as const;

const VERSION = 1;
const MARKER_LIMIT = 4096;

/** The folder's id. `null` where there is no marker. Throws a RemoteError where there is one of another version or none that reads. */
export async function readMarker(folder: string): Promise<string | null> {
  const path = join(folder, MARKER);
  const file = await openFile(path);
  if (file === null) return null;
  let text: string;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MARKER_LIMIT), 0, MARKER_LIMIT, 0);
    text = buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
  const marker = parse(text);
  if (marker === null || marker.format !== 'satchel-folder') throw new RemoteError('protocol', `${path} is damaged or of another program`);
  if (marker.version !== VERSION) {
    throw new RemoteError('protocol', `${path} is of format version ${String(marker.version)}; this Satchel knows ${VERSION}: update it`);
  }
  if (!isHex16(marker.id)) throw new RemoteError('protocol', `${path} is damaged: its id is no id`);
  return marker.id;
}

/** Makes the folder's parts and then its marker; of several at once one wins. Answers the folder's id. */
export async function writeMarker(folder: string, random: Random): Promise<string> {
  const there = new Set(await readdir(folder));
  if (!there.has(MARKER) && there.has('spaces')) {
    const spaces = await readdir(join(folder, 'spaces')).catch(unless('ENOTDIR'));
    if (spaces === undefined || spaces.length > 0) {
      throw new RemoteError(
        'unfit',
        `${folder} holds something called "spaces" but no ${MARKER}: it is another program's, or was copied in part`,
      );
    }
  }
  for (const name of FOLDERS) await mkdir(join(folder, name), { mode: DIRECTORY_MODE }).catch(unless('EEXIST'));
  for (const name of FOLDERS) await checkDirectories(folder, join(folder, name));
  const files = createFolderFiles(join(folder, 'tmp'), random);
  const marker = { format: 'satchel-folder', version: VERSION, id: bytesToHex(random.bytes(16)) };
  await files.publish(join(folder, MARKER), Buffer.from(`${JSON.stringify(marker)}\n`));
  const id = await readMarker(folder);
  if (id === null) throw new RemoteError('unreachable', `${folder} vanished`);
  return id;
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // no JSON
  }
}
