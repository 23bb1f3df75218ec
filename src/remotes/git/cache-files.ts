import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, constants } from 'node:zlib';
import { NO_HOOKS } from './git-program.ts';
import { isOid, type GitObject, type Oid } from './git-object.ts';

/** The files of a bare repository that is a cache: derived, thrown away whenever something about it is odd. */
export interface CacheFiles {
  readonly folder: string;
  /** Makes it where it is missing. */
  prepare(): Promise<void>;
  /** Where the branch stood, as it was noted last. */
  readTip(): Promise<Oid | null>;
  /** Its history ends there: what came before is the host's. */
  noteTip(tip: Oid): Promise<void>;
  /** Whether everything is fetched, where the host does not give single objects. */
  isWhole(): Promise<boolean>;
  noteWhole(): Promise<void>;
  /** The commit that git fetched last. */
  fetched(): Promise<Oid | null>;
  write(objects: readonly GitObject[]): Promise<void>;
  /** Takes files out that {@link write} made. */
  drop(oids: readonly Oid[]): Promise<void>;
  /** When the tip was noted, ms since 1970 by the file system's clock; `null` where none was. */
  notedAt(): Promise<number | null>;
  /** About how many files and bytes lie in it. O(packs + 4). */
  size(): Promise<{ readonly files: number; readonly bytes: number }>;
  discard(): Promise<void>;
}

const compress = promisify(deflate);
const WRITES_AT_ONCE = 16;
const WHOLE = 'satchel-whole';
const TIP = join('refs', 'heads', 'tip');

/**
 * Made without git, so that it costs no process. What could execute something is off here too, whatever the user's own configuration says; and
 * nothing is compressed against something else, since encrypted bytes have nothing in common.
 */
export function createCacheFiles(
  folder: string,
  url: string,
  packs: { readonly upload: string; readonly receive: string } | null,
): CacheFiles {
  const at = (...parts: string[]): string => join(folder, ...parts);

  async function replace(path: string, text: string): Promise<void> {
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  }

  async function writeObject({ oid, type, bytes }: GitObject): Promise<void> {
    const path = at('objects', oid.slice(0, 2), oid.slice(2));
    if ((await stat(path).catch(() => null)) !== null) return;
    // Encrypted bytes do not get smaller.
    const level = type === 'blob' ? constants.Z_NO_COMPRESSION : constants.Z_BEST_SPEED;
    const packed = await compress(Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes]), { level });
    await mkdir(at('objects', oid.slice(0, 2)), { recursive: true, mode: 0o700 });
    const temporary = at('objects', `tmp_obj_${randomUUID()}`);
    await writeFile(temporary, packed, { mode: 0o400 });
    await rename(temporary, path);
  }

  return {
    folder,
    async prepare() {
      if ((await stat(at('HEAD')).catch(() => null)) !== null) return;
      for (const part of [['objects', 'info'], ['objects', 'pack'], ['refs', 'heads'], ['info']])
        await mkdir(at(...part), { recursive: true, mode: 0o700 });
      await writeFile(at('config'), config(url, packs), { mode: 0o600 });
      // Last, since it is what is looked for.
      await replace(at('HEAD'), 'ref: refs/heads/tip\n');
    },
    async readTip() {
      const text = (await readFile(at(TIP), 'latin1').catch(() => '')).trim();
      return isOid(text) ? text : null;
    },
    async noteTip(tip) {
      await replace(at(TIP), `${tip}\n`);
      await replace(at('shallow'), `${tip}\n`);
    },
    isWhole: async () => (await stat(at(WHOLE)).catch(() => null)) !== null,
    noteWhole: () => writeFile(at(WHOLE), '', { mode: 0o600 }),
    async fetched() {
      const text = (await readFile(at('FETCH_HEAD'), 'latin1').catch(() => '')).slice(0, 40);
      return isOid(text) ? text : null;
    },
    async write(objects) {
      const rest = [...objects];
      const lane = async (): Promise<void> => {
        for (let next = rest.pop(); next !== undefined; next = rest.pop()) await writeObject(next);
      };
      await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, rest.length) }, lane));
    },
    async drop(oids) {
      for (const oid of oids) await rm(at('objects', oid.slice(0, 2), oid.slice(2)), { force: true });
    },
    async notedAt() {
      return (await stat(at(TIP)).catch(() => null))?.mtimeMs ?? null;
    },
    async size() {
      const names = await readdir(at('objects', 'pack')).catch(() => []);
      const sizes = await Promise.all(
        names.map((name) =>
          stat(at('objects', 'pack', name)).then(
            (found) => found.size,
            () => 0,
          ),
        ),
      );
      // Loose ones are spread evenly over 256 directories: four tell of all.
      let loose = { files: 0, bytes: 0 };
      for (const sample of ['17', '5a', 'a3', 'e8']) {
        const files = await readdir(at('objects', sample)).catch(() => []);
        const found = await Promise.all(
          files.map((name) =>
            stat(at('objects', sample, name)).then(
              ({ size }) => size,
              () => 0,
            ),
          ),
        );
        loose = { files: loose.files + files.length, bytes: loose.bytes + found.reduce((sum, size) => sum + size, 0) };
      }
      return { files: names.length + loose.files * 64, bytes: sizes.reduce((sum, size) => sum + size, 0) + loose.bytes * 64 };
    },
    async discard() {
      // Whatever still runs in it goes on in a folder that has no name any more.
      const aside = `${folder}.${randomUUID()}.old`;
      await rename(folder, aside).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await rm(aside, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function config(url: string, packs: { readonly upload: string; readonly receive: string } | null): string {
  const sections: Readonly<Record<string, readonly string[]>> = {
    core: [
      'repositoryformatversion = 0',
      'bare = true',
      `hooksPath = ${NO_HOOKS}`,
      'fsmonitor = false',
      'logAllRefUpdates = false',
      'bigFileThreshold = 1',
      'compression = 1',
    ],
    gc: ['auto = 0'],
    maintenance: ['auto = false'],
    pack: ['threads = 1', 'writeReverseIndex = false'],
    fetch: ['fsckObjects = true', 'recurseSubmodules = false', 'writeCommitGraph = false', 'prune = false', 'parallel = 1'],
    push: ['gpgSign = false', 'followTags = false', 'recurseSubmodules = no', 'default = nothing'],
    submodule: ['recurse = false'],
    protocol: ['version = 2'],
    'remote "satchel"': [
      `url = ${quoted(url)}`,
      'tagOpt = --no-tags',
      ...(packs === null ? [] : [`uploadpack = ${quoted(packs.upload)}`, `receivepack = ${quoted(packs.receive)}`]),
    ],
  };
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.map((line) => `\t${line}\n`).join('')}`)
    .join('');
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
