import { link, mkdir, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { RemoteError } from '../../core/ports/remote.ts';
import { findCloudMarker } from './cloud-markers.ts';
import { unless } from './errors.ts';
import { DIRECTORY_MODE, writeDurably } from './files.ts';

/** The calls that a probe makes of a file system, so that tests can stand in for those that lack something. */
export interface ProbeFileSystem {
  readonly link: (existing: string, path: string) => Promise<void>;
}

const RACERS = 8;
const ROUNDS = 8;
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'EXDEV', 'UNKNOWN']);

/**
 * Throws a RemoteError unless several machines may share the folder safely: `unreachable` where it is not there, `unfit` with
 * the reason otherwise. Leaves nothing behind. O(1): some dozens of small files.
 */
export async function probeFolder(path: string, fileSystem: ProbeFileSystem = { link }): Promise<void> {
  const found = await stat(path).catch(unless('ENOENT'));
  if (found === undefined) throw new RemoteError('unreachable', `${path} is not there: is the stick plugged in, the share mounted?`);
  if (!found.isDirectory()) throw unfit(path, 'it is not a folder');
  for (const each of new Set([resolve(path), await realpath(path)])) await refuseCloudFolder(each);
  const probe = await makeProbe(path);
  try {
    await probeLinks(path, probe, fileSystem);
    await probeRace(path, probe, fileSystem);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function refuseCloudFolder(path: string): Promise<void> {
  const marker = await findCloudMarker(path);
  if (marker === null) return;
  throw unfit(
    path,
    `${marker.client} synchronises it, as ${marker.path} shows, and would overwrite what two machines write; choose a folder outside`,
  );
}

async function makeProbe(path: string): Promise<string> {
  try {
    const probe = await mkdtemp(join(path, '.satchel-probe-'));
    await mkdir(join(probe, 'race'), { mode: DIRECTORY_MODE });
    return probe;
  } catch (error) {
    throw unfit(path, `it cannot be written to (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error);
  }
}

async function probeLinks(path: string, probe: string, { link: hardLink }: ProbeFileSystem): Promise<void> {
  const [first, second, name] = [join(probe, 'first'), join(probe, 'second'), join(probe, 'name')];
  await writeDurably(first, Buffer.from('first'));
  await writeDurably(second, Buffer.from('second'));
  try {
    await hardLink(first, name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!NO_LINKS.has(code)) throw error;
    throw unfit(
      path,
      `its file system has no hard links (${code}), as FAT, exFAT and some network shares; format it as ext4, APFS or NTFS`,
      error,
    );
  }
  const again = await hardLink(second, name).then(() => 'overwrote', codeOf);
  if (again !== 'EEXIST')
    throw unfit(path, `a link to a name that exists does not fail there (${again}): nothing could be compared and swapped`);
  if ((await readFile(name, 'utf8')) !== 'first') throw unfit(path, 'a link there overwrites what has the name');
}

async function probeRace(path: string, probe: string, { link: hardLink }: ProbeFileSystem): Promise<void> {
  const racers = Array.from({ length: RACERS }, (_, racer) => join(probe, 'race', `racer-${racer}`));
  for (const [racer, file] of racers.entries()) await writeDurably(file, Buffer.from(`${racer}`));
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = join(probe, 'race', `round-${round}`);
    const outcomes = await Promise.all(racers.map((file) => hardLink(file, name).then(() => 'won', codeOf)));
    const winner = outcomes.indexOf('won');
    const others = outcomes.filter((outcome) => outcome !== 'won');
    if (others.length !== RACERS - 1 || others.some((outcome) => outcome !== 'EEXIST') || (await readFile(name, 'utf8')) !== `${winner}`) {
      throw unfit(path, `of ${RACERS} links to one name at once not exactly one worked: two machines could both believe that they won`);
    }
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? String(error);
}

function unfit(path: string, reason: string, cause?: unknown): RemoteError {
  return new RemoteError('unfit', `${path} cannot be a remote: ${reason}`, cause === undefined ? {} : { cause });
}
