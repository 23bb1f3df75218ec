import { bytesToHex, isHex16 } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { CacheFiles } from './cache-files.ts';
import type { GitHost, PushResult } from './git-host.ts';
import { commitObject, FILE_MODE, foreign, gitObject, parseCommit, parseTree, treeObject, type GitObject, type Oid } from './git-object.ts';
import type { ObjectReader } from './object-reader.ts';

/** The branch that makes a repository a remote, and an empty one that somebody made anew none. */
export const PLACE = 'place';
const MARKER = 'satchel-git.json';
const VERSION = 1;
const MARKER_BYTES = 4_096;

const README = `# Kept by Satchel

The branches below satchel/ hold encrypted spaces, one each. Satchel (https://www.npmjs.com/package/satchel) reads and writes them; nothing here is of use
without the keys, which are on its members' machines alone. Do not push to them, and do not protect them against being replaced: that is how
space comes back after something was forgotten.
`;

export interface PlaceDeps {
  readonly host: GitHost;
  /** A cache of its own. */
  readonly files: CacheFiles;
  readonly reader: ObjectReader;
}

/** Where all branches of ours stand in a repository that is a place of Satchel's, and the same one as before. */
export type Look = (cache: string) => Promise<ReadonlyMap<string, Oid>>;

/** One connection a look, and another one where this cache never saw the place before. */
export function createLook({ host, files, reader }: PlaceDeps): Look {
  let known: Oid | null = null;

  return async (cache) => {
    const branches = await host.branches(cache);
    const place = branches.get(PLACE);
    if (place === undefined) {
      throw new RemoteError(
        'unreachable',
        `${host.address.text} has no branch satchel/${PLACE}: was it made anew? satchel remotes add makes it a remote`,
      );
    }
    if (known === null) {
      await files.prepare();
      const noted = await files.readTip();
      if (noted === null) await checkMarker({ host, files, reader }, place);
      known = noted ?? place;
    }
    if (place !== known)
      throw new RemoteError(
        'unreachable',
        `another repository is at ${host.address.text} now, or somebody replaced its branch satchel/${PLACE}`,
      );
    return branches;
  };
}

/** Makes a repository a remote, if it is fit for that and not one already. Some ten connections, once. */
export async function createPlace(deps: PlaceDeps, random: Random): Promise<void> {
  const { host, files } = deps;
  await files.prepare();
  const before = (await host.branches(files.folder)).get(PLACE);
  if (before !== undefined) return checkMarker(deps, before);
  await probe(deps, random);
  const marker = { format: 'satchel-git', version: VERSION, id: bytesToHex(random.bytes(16)) };
  const objects = commitWith({ 'README.md': README, [MARKER]: `${JSON.stringify(marker)}\n` }, 'satchel place 1');
  const commit = (objects.at(-1) as GitObject).oid;
  await files.write(objects);
  const outcome = await host.push(files.folder, PLACE, commit, null);
  if (outcome.type === 'failed') throw outcome.error;
  if (outcome.type === 'pushed') return files.noteTip(commit);
  const now = (await host.branches(files.folder)).get(PLACE);
  if (now === undefined)
    throw new RemoteError('unreachable', `${host.address.text} took the branch satchel/${PLACE}, and does not show it`);
  await checkMarker(deps, now); // another machine was faster
}

async function checkMarker({ host, files, reader }: PlaceDeps, place: Oid): Promise<void> {
  const outcome = await host.fetch(files.folder, PLACE, 'newest');
  if (outcome.type === 'failed') throw outcome.error;
  const commit = await reader.read(place, MARKER_BYTES);
  const entry =
    commit === null
      ? undefined
      : parseTree(place, (await reader.read(parseCommit(place, commit).tree, MARKER_BYTES)) ?? new Uint8Array(0)).get(MARKER);
  if (entry === undefined || entry.mode !== FILE_MODE) throw foreign(`the branch satchel/${PLACE} has no ${MARKER}`);
  const marker = parseMarker(await reader.read(entry.oid, MARKER_BYTES));
  if (marker?.['format'] !== 'satchel-git' || !isHex16(marker['id'])) throw foreign(`${MARKER} is damaged, or another program’s`);
  if (marker['version'] !== VERSION) {
    throw new RemoteError(
      'protocol',
      `${MARKER} is of format version ${String(marker['version'])}; this Satchel knows ${VERSION}: update it`,
    );
  }
  await files.noteTip(place);
}

function parseMarker(bytes: Uint8Array | null): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // no JSON
  }
}

/** Two machines that create one branch, and two that go on from it: of each pair one has to learn that it lost. Leaves nothing behind, where the host lets branches go. */
async function probe({ host, files }: PlaceDeps, random: Random): Promise<void> {
  const branch = `probe/${bytesToHex(random.bytes(8))}`;
  let stands: Oid | null = null;
  for (let round = 0; round < 2; round += 1) {
    const tries = [0, 1].map((racer) =>
      commitWith({ probe: `${round} ${racer} ${bytesToHex(random.bytes(8))}\n` }, 'satchel probe', stands === null ? [] : [stands]),
    );
    for (const objects of tries) await files.write(objects);
    const commits = tries.map((objects) => (objects.at(-1) as GitObject).oid);
    const expected: Oid | null = stands;
    const outcomes: PushResult[] = await Promise.all(commits.map((commit) => host.push(files.folder, branch, commit, expected)));
    for (const outcome of outcomes) if (outcome.type === 'failed') throw outcome.error;
    const winner = outcomes.findIndex(({ type }) => type === 'pushed');
    const now: Oid | undefined = (await host.branches(files.folder)).get(branch);
    const isFit = outcomes.filter(({ type }) => type === 'pushed').length === 1 && now !== undefined && now === commits[winner];
    if (!isFit) throw new RemoteError('unfit', `${host.address.text} cannot be a remote: of two pushes at once not exactly one worked`);
    stands = now;
  }
  if (stands !== null) await host.remove(files.folder, branch, stands);
}

function commitWith(contents: Readonly<Record<string, string>>, message: string, parents: readonly Oid[] = []): GitObject[] {
  const blobs = Object.entries(contents).map(([name, text]) => ({ name, blob: gitObject('blob', Buffer.from(text)) }));
  const tree = treeObject(new Map(blobs.map(({ name, blob }) => [name, { mode: FILE_MODE, oid: blob.oid }])));
  return [...blobs.map(({ blob }) => blob), tree, commitObject({ tree: tree.oid, parents, message })];
}
