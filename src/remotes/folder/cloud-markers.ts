import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A trace of a client that copies folders to and fro behind everyone's back, overwriting as it thinks best. */
export interface CloudMarker {
  readonly client: string;
  /** The file or folder that gives it away. */
  readonly path: string;
}

/** Entries that these clients leave in a folder that they synchronise, or at the top of it. */
const ENTRIES: readonly (readonly [client: string, entry: RegExp])[] = [
  ['Dropbox', /^\.dropbox(\.cache|\.device)?$/i],
  ['OneDrive', /^(\.849C9593-D756-4E56-8D6E-42412F2A707B|\.OneDrive.*)$/i],
  ['Google Drive', /^\.(tmp\.drive(upload|download)|shortcut-targets-by-id|file-revisions-by-id)$/i],
  ['Syncthing', /^\.(stfolder|stversions|stignore)/i],
  ['Nextcloud or ownCloud', /^(\._?sync_.*\.db(-wal|-shm|-journal)?|\.(own|next)cloudsync\.log(\..*)?|\.csync_journal\.db)$/i],
  ['Resilio Sync', /^\.(sync|rslsync)$/i],
  ['MEGA', /^\.mega(ignore|sync.*)$/i],
  ['Seafile', /^(seafile-ignore\.txt|\.seafile-data)$/i],
  ['pCloud', /^\.pcloud.*$/i],
];

/** Names of the folders themselves. */
const NAMES: readonly (readonly [client: string, name: RegExp])[] = [
  ['Dropbox', /^Dropbox( \(.+\))?$/],
  ['OneDrive', /^OneDrive( ?- ?.+)?$/],
  ['iCloud Drive', /^(Mobile Documents|iCloud ?Drive|com~apple~CloudDocs)$/],
  ['Google Drive', /^(Google ?Drive|GoogleDrive-.+)$/],
  ['macOS file provider', /^CloudStorage$/],
  ['Nextcloud or ownCloud', /^(Nextcloud|ownCloud)$/],
];

/**
 * The first marker of a cloud client in `folder` or above it up to the root; `null` where there is none. A folder above that may
 * not be listed is judged by its name. Cost: one listing a level.
 */
export async function findCloudMarker(folder: string): Promise<CloudMarker | null> {
  for (let at = folder; ; at = dirname(at)) {
    const name = basename(at);
    const named = NAMES.find(([, pattern]) => pattern.test(name));
    if (named !== undefined) return { client: named[0], path: at };
    for (const entry of await listOrNothing(at)) {
      const found = ENTRIES.find(([, pattern]) => pattern.test(entry));
      if (found !== undefined) return { client: found[0], path: join(at, entry) };
    }
    if (at === dirname(at)) return null;
  }
}

async function listOrNothing(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT') return [];
    throw error;
  }
}
