import { stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { parseJoinLink, type RemoteDescriptor } from '../../core/joining/link.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { attachBlobs } from '../../blobs/attach-blobs.ts';
import type { BlobsAddress } from '../../blobs/address.ts';
import { LONGEST_BATCH, MARKER } from '../../remotes/bucket/marker.ts';
import { createBucket } from '../../remotes/bucket/open.ts';
import { parseRemoteAddress, type RemoteAddress } from '../../remotes/drivers.ts';
import { addRemedy } from '../add-remedy.ts';
import { bucketCredentials } from '../bucket-credentials.ts';
import { bucketSources, connectHere, gitDeps } from '../connect.ts';
import { createFolder } from '../../remotes/folder/open.ts';
import type { GitAddress } from '../../remotes/git/git-address.ts';
import { createGitRepository } from '../../remotes/git/open.ts';
import { join } from '../join.ts';
import type { SatchelNode } from '../node.ts';
import { printable } from '../printable.ts';
import { shellWord } from '../../config/private-file.ts';
import { listRemotes, placeHere, putPlace, putRemote, removeRemote } from '../remote-registry.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { remoteFailure } from './remote-failure.ts';
import { sayWhereSlow } from './say-slow.ts';

/** Of branches that are not Satchel's. */
const NAMED = 3;

export interface RemoteLine {
  readonly address: string;
  readonly driver: RemoteAddress['driver'];
  /** Where a folder lies here, where that differs from its address. */
  readonly here: string | null;
  /** Names of the spaces whose logs are ordered there. */
  readonly home_of: readonly string[];
}

export const remotesOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ readonly remotes: readonly RemoteLine[] }> {
    const remotes = [];
    for (const descriptor of await knownRemotes(node)) {
      const here = (await placeHere(node.store, descriptor)).address;
      remotes.push({
        address: descriptor.address,
        driver: driverOf(descriptor.address),
        here: here === descriptor.address ? null : here,
        home_of: homesAt(node, descriptor.address),
      });
    }
    return { remotes };
  },
});

/** What cannot be read any more is shown as a folder's. */
function driverOf(address: string): RemoteAddress['driver'] {
  const parsed = parseRemoteAddress(address);
  return parsed.ok ? parsed.value.driver : 'folder';
}

/** Added ones and the homes of spaces, each once. */
export async function knownRemotes(node: SatchelNode): Promise<RemoteDescriptor[]> {
  const all = new Map<string, RemoteDescriptor>();
  for (const { descriptor } of await listRemotes(node.store)) all.set(descriptor.address, descriptor);
  for (const { entry } of node.spaces.values()) if (entry.remote !== null) all.set(entry.remote.address, entry.remote);
  return [...all.values()];
}

async function isKnown(node: SatchelNode, address: string): Promise<boolean> {
  return (await knownRemotes(node)).some((descriptor) => descriptor.address === address);
}

function homesAt(node: SatchelNode, address: string): string[] {
  return [...node.spaces.values()].filter(({ entry }) => entry.remote?.address === address).map(({ entry }) => entry.name);
}

export interface AddedRemote {
  readonly address: string;
  /** False: it was a remote of this machine before. */
  readonly made: boolean;
  /** Spaces whose home it is, and whose logs are not there: it was emptied, made anew, or is another one. */
  readonly lost_home_of: readonly string[];
  /** Of a bucket: how far small changes of one machine come apart at least, and how often it is looked at at most, in milliseconds. */
  readonly batch_ms: number | null;
}

export const addRemoteOperation = defineOperation({
  input: z.strictObject({
    remote: z.string().min(1).max(8192),
    as: z.string().max(4096).optional(),
    batch_ms: z.number().int().min(1).max(LONGEST_BATCH).optional(),
  }),
  async run(node, { remote, as, batch_ms: batchEvery }, { say, signal }): Promise<AddedRemote> {
    const isLink = remote.includes('#') && !/^[./]/.test(remote);
    const address = isLink ? null : parseRemoteAddress(remote);
    if (address?.ok === false) throw new OperationFailure('usage', 'bad-address', address.error);
    refuseIdle(address?.value.driver ?? 'hub', { as, batchEvery });
    if (address === null) return addHub(node, remote, say, signal);
    if (address.value.driver === 'hub') {
      if (await isKnown(node, address.value.text)) return { address: address.value.text, made: false, lost_home_of: [], batch_ms: null };
      throw new OperationFailure(
        'refused',
        'hub-unknown',
        'a hub is added by its invitation, which proves its key',
        'On the hub: satchel invite --hub. Then here: satchel remotes add LINK',
      );
    }
    try {
      const place = address.value;
      const waiting = `${printable(place.text)} is being tried out, and is slow, or does not answer: it is waited for.`;
      const added = await sayWhereSlow({ clock: node.deps.clock, say }, waiting, () => addPlace(node, place, { as, batchEvery, say }));
      return { ...added, lost_home_of: await lostHomes(node, added.address) };
    } catch (error) {
      throw error instanceof RemoteError ? remoteFailure(error, addRemedy(address.value.driver, error.type)) : error;
    }
  },
});

type Place = Exclude<RemoteAddress, { driver: 'hub' }>;
type Added = Omit<AddedRemote, 'lost_home_of'>;

async function addPlace(
  node: SatchelNode,
  place: Place,
  {
    as,
    batchEvery,
    say,
  }: { readonly as?: string | undefined; readonly batchEvery?: number | undefined; readonly say?: (line: string) => void } = {},
): Promise<Added> {
  if (place.driver === 'git') return addGitRepository(node, place, say);
  if (place.driver === 'folder') return addFolder(node, place, as);
  return addBucket(node, place.blobs, batchEvery);
}

/** Makes what a descriptor names a remote again, where it is a place and no hub: it was emptied or made anew. Throws RemoteError. */
export async function makePlace(node: SatchelNode, descriptor: RemoteDescriptor): Promise<void> {
  const parsed = parseRemoteAddress((await placeHere(node.store, descriptor)).address);
  if (!parsed.ok || parsed.value.driver === 'hub') return;
  if (parsed.value.driver !== 'folder') return void (await addPlace(node, parsed.value));
  await refuseNoFolder(parsed.value.path);
  await createFolder(parsed.value.path, node.deps.random);
}

/** Of the spaces that are kept there, those whose logs are gone. What cannot be asked is said by status. */
async function lostHomes(node: SatchelNode, address: string): Promise<string[]> {
  const lost: string[] = [];
  for (const { entry } of node.spaces.values()) {
    if (entry.remote?.address !== address) continue;
    try {
      const remote = await connectHere(node, entry.remote);
      try {
        if ((await remote.head(entry.space)) === null) lost.push(entry.name);
      } finally {
        await remote.close();
      }
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
    }
  }
  return lost;
}

/** What is asked for and would do nothing with a remote of that kind. */
function refuseIdle(
  driver: RemoteAddress['driver'],
  { as, batchEvery }: { readonly as: string | undefined; readonly batchEvery: number | undefined },
): void {
  if (as !== undefined && driver !== 'folder')
    throw new OperationFailure('usage', 'not-a-folder', '--as is for folders: any other remote has one address on all machines');
  if (batchEvery !== undefined && driver !== 's3' && driver !== 'azure')
    throw new OperationFailure(
      'usage',
      'not-a-bucket',
      '--batch is for buckets: a hub and a folder tell at once what came, and of a git repository small changes go at once',
    );
}

function parseFolderName(text: string): string {
  const named = parseRemoteAddress(text);
  if (named.ok && named.value.driver === 'folder') return named.value.text;
  throw new OperationFailure(
    'usage',
    'bad-address',
    '--as takes the address of a folder, as satchel remotes shows it on the other machine',
  );
}

async function addFolder(node: SatchelNode, address: Extract<RemoteAddress, { driver: 'folder' }>, as: string | undefined): Promise<Added> {
  // Before anything is made.
  const named = as === undefined ? null : parseFolderName(as);
  await refuseNoFolder(address.path);
  await refuseRepository(address.path);
  await createFolder(address.path, node.deps.random);
  const known = named ?? address.text;
  const made = !(await isKnown(node, known));
  await putRemote(node.store, { descriptor: { address: known }, addedAt: node.deps.clock.now() });
  if (named !== null) await putPlace(node.store, named, address.path);
  return { address: known, made, batch_ms: null };
}

/** It is never made: a stick that is not there, or a mistyped path, must not become a folder on this disk. */
async function refuseNoFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  const place = printable(folder);
  if (found === null)
    throw new OperationFailure(
      'usage',
      'no-folder',
      `${place} is not there: is the stick plugged in, the share mounted?`,
      `Run the same again when it is there. If it is to be a new folder: mkdir ${shellWord(place)}`,
    );
  if (!found.isDirectory()) throw new OperationFailure('usage', 'not-a-folder', `${place} is no folder`, 'Name a folder');
}

/** What git keeps there is none of a folder's. Of one with a working tree, its `.git` is meant. */
async function refuseRepository(folder: string): Promise<void> {
  const [head, objects, refs] = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) => stat(path.join(folder, name)).catch(() => null)),
  );
  if (head?.isFile() !== true || objects?.isDirectory() !== true || refs?.isDirectory() !== true) return;
  throw new OperationFailure(
    'usage',
    'git-repository',
    `${printable(folder)} is a git repository, and as a folder Satchel would write into it past git`,
    `As a git repository: satchel remotes add ${shellWord(`git+file://${printable(folder)}`)}. As a folder: name another one`,
  );
}

/** Probed each time it is added: whether two who write at once can both believe that they won. */
async function addBucket(node: SatchelNode, address: BlobsAddress, batchEvery: number | undefined): Promise<Added> {
  const credentials = await bucketCredentials(address, bucketSources(node));
  if (!credentials.ok) {
    const { message, isOfFile } = credentials.error;
    if (isOfFile) throw new OperationFailure('usage', 'config', message, 'Correct it, then run the same again');
    const isSeen = node.isLive ? ' (what the node of this machine was started with counts, not what this command has)' : '';
    throw new OperationFailure('refused', 'unauthorized', `${message}${isSeen}`, 'Run the same again when that is done');
  }
  const { clock, random } = node.deps;
  const blobs = await attachBlobs(address, credentials.value, { clock, random });
  try {
    const declared = (await createBucket(blobs, random, batchEvery)).batchEvery;
    if (batchEvery !== undefined && batchEvery !== declared)
      throw new OperationFailure(
        'refused',
        'other-interval',
        `${printable(address.text)} is a remote already, and its interval is ${declared / 1_000} s, as declared when it was made one`,
        `To change it for all machines, edit batchMs in ${MARKER} there, and start the nodes again. To take it as it is, leave --batch out`,
      );
    const made = !(await isKnown(node, address.text));
    await putRemote(node.store, { descriptor: { address: address.text }, addedAt: clock.now() });
    return { address: address.text, made, batch_ms: declared };
  } finally {
    await blobs.close();
  }
}

/** Probed where it is no remote yet: whether of two pushes at once one is refused. */
async function addGitRepository(node: SatchelNode, address: GitAddress, say: (line: string) => void = () => undefined): Promise<Added> {
  const { others } = await createGitRepository(address, gitDeps(node));
  if (others.length > 0) {
    const named = others.slice(0, NAMED).map(printable).join(', ');
    const which = `${named}${others.length > NAMED ? ` and ${others.length - NAMED} more` : ''}`;
    say(`It is not empty (${which}). Satchel leaves that as it is; better is a repository of its own: docs/guides/git.md says why`);
  }
  const made = !(await isKnown(node, address.text));
  await putRemote(node.store, { descriptor: { address: address.text }, addedAt: node.deps.clock.now() });
  return { address: address.text, made, batch_ms: null };
}

async function addHub(node: SatchelNode, link: string, say: (line: string) => void, signal: AbortSignal): Promise<AddedRemote> {
  const parsed = parseJoinLink(link);
  if (!parsed.ok) throw new OperationFailure('usage', 'bad-link', parsed.error);
  if (parsed.value.invites !== 'hub')
    throw new OperationFailure('usage', 'space-link', 'this link invites into a space, not to a hub', 'Run: satchel join LINK');
  const joined = await join(node, { link, address: null, words: null }, say, signal);
  if (joined.type !== 'hub') throw new Error('a hub invitation brought a space');
  await putRemote(node.store, { descriptor: joined.remote, addedAt: node.deps.clock.now() });
  return { address: joined.remote.address, made: true, lost_home_of: [], batch_ms: null };
}

export const removeRemoteOperation = defineOperation({
  input: z.strictObject({ remote: z.string().min(1).max(4096) }),
  async run(node, { remote }): Promise<{ readonly address: string }> {
    const parsed = parseRemoteAddress(remote);
    const wanted = parsed.ok ? parsed.value.text : remote;
    const found = (await knownRemotes(node)).find(({ address }) => address === wanted);
    if (found === undefined) throw new OperationFailure('usage', 'no-remote', 'there is no such remote', 'Run: satchel remotes');
    const homes = homesAt(node, found.address);
    if (homes.length > 0)
      throw new OperationFailure(
        'refused',
        'is-home',
        `the log of ${homes.join(', ')} is kept there`,
        `Move it first: satchel spaces move ${homes[0]} here`,
      );
    await removeRemote(node.store, found.address);
    return { address: found.address };
  },
});
