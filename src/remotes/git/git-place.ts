import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToHex } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { PlaceLost, RemoteError } from '../../core/ports/remote.ts';
import type { CacheFiles } from './cache-files.ts';
import type { GitHost, PushResult } from './git-host.ts';
import { commitObject, FILE_MODE, gitObject, isOid, treeObject, type GitObject, type Oid } from './git-object.ts';

/**
 * The branch that makes a repository a remote, and an empty one that somebody made anew none. Its name is the version of
 * all that lies beside it, so that a look at the branches tells; what it holds is for people, and makes its commit differ from every other repository's.
 */
export const PLACE = 'v1';

const README = `# Kept by Satchel

The branches below satchel/ hold encrypted spaces, one each. Satchel reads and writes them; nothing here is of use without the keys, which
are on its members' machines alone. Do not push to them, and do not protect them against being replaced: that is how room comes
back after something was forgotten.
`;

export interface PlaceDeps {
  readonly host: GitHost;
  /** A cache of its own. */
  readonly files: CacheFiles;
}

/** Where all branches of ours stand in a repository that is a place of Satchel's, and the same one as before. */
export type Look = () => Promise<ReadonlyMap<string, Oid>>;

/** Which place it was, as this machine saw it last or was told by whoever added it. */
const noteOf = ({ folder }: CacheFiles): string => join(folder, 'satchel-place');

/**
 * One connection a look. A place that was made anew is taken for ours where it holds a branch that `isKept` knows to be kept here:
 * what stands there is for whoever reads the log to judge.
 */
export function createLook({ host, files }: PlaceDeps, isKept: (branch: string) => Promise<boolean>): Look {
  const note = noteOf(files);
  let known: string | null = null;

  async function isOurs(branches: ReadonlyMap<string, Oid>): Promise<boolean> {
    for (const name of branches.keys()) if (name.startsWith('space/') && (await isKept(name))) return true;
    return false;
  }

  return async () => {
    await files.prepare();
    const branches = await host.branches(files.folder);
    const place = branches.get(PLACE);
    if (place === undefined) throw notThere(host, branches);
    if (place === known) return branches;
    // Somebody may have said meanwhile that this is the one that is meant.
    known = await readFile(note, 'latin1').catch(() => null);
    if (place === known) return branches;
    if (isOid(known) && !(await isOurs(branches)))
      throw new PlaceLost(`another repository is at ${host.address.text} now, or it was made anew: it holds nothing that is kept there`);
    await notePlace(files, place);
    known = place;
    return branches;
  };
}

async function notePlace(files: CacheFiles, place: Oid): Promise<void> {
  await writeFile(noteOf(files), place, { mode: 0o600 });
}

function notThere({ address }: GitHost, branches: ReadonlyMap<string, Oid>): RemoteError {
  const later = [...branches.keys()].find((name) => /^v\d{1,4}$/.test(name));
  if (later !== undefined)
    return new RemoteError('protocol', `${address.text} is of format ${later}; this Satchel knows ${PLACE}: update it`);
  return new PlaceLost(`${address.text} has no branch satchel/${PLACE}: it was made anew, or is not the one meant`);
}

export interface MadePlace {
  /** It was none before. */
  readonly isNew: boolean;
  /** Names of branches that somebody else keeps there; looked for where it is new. */
  readonly others: readonly string[];
}

/**
 * Makes a repository a remote, if it is fit for that and not one already. Whoever asks means the one that is there,
 * whichever was before. Some ten connections, once.
 */
export async function createPlace({ host, files }: PlaceDeps, random: Random): Promise<MadePlace> {
  await files.prepare();
  const before = await host.branches(files.folder);
  const there = before.get(PLACE);
  if (there !== undefined) {
    await notePlace(files, there);
    return { isNew: false, others: [] };
  }
  if ([...before.keys()].some((name) => /^v\d{1,4}$/.test(name))) throw notThere(host, before);
  const others = await host.otherBranches(files.folder);
  await probe({ host, files }, random);
  const marker = { format: 'satchel-git', version: 1, id: bytesToHex(random.bytes(16)) };
  const objects = commitWith({ 'README.md': README, 'satchel-git.json': `${JSON.stringify(marker)}\n` }, 'satchel place 1');
  await files.write(objects);
  const made = (objects.at(-1) as GitObject).oid;
  const outcome = await host.push(files.folder, PLACE, made, null);
  if (outcome.type === 'failed') throw outcome.error;
  const place = outcome.type === 'pushed' ? made : (await host.branches(files.folder)).get(PLACE);
  if (place !== undefined) await notePlace(files, place);
  // Where another machine was faster, it is a remote by that.
  return { isNew: outcome.type === 'pushed', others };
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
