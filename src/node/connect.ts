import { openBlobs } from '../blobs/drivers.ts';
import type { SigningKey } from '../core/crypto/signing.ts';
import type { MachineId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { openBucketRemote } from '../remotes/bucket/open.ts';
import { parseRemoteAddress } from '../remotes/drivers.ts';
import { openFolderRemote } from '../remotes/folder/open.ts';
import { openGitRemote, type GitDeps } from '../remotes/git/open.ts';
import { createHubRemote } from '../remotes/hub/hub-remote.ts';
import type { CredentialSources } from './bucket-credentials.ts';
import type { SatchelNode } from './node.ts';
import { placeHere } from './remote-registry.ts';
import { credentialsNow, renewedBlobs } from './renewed-blobs.ts';

export interface ConnectDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly key: SigningKey;
  /** What opens buckets; `null`: nothing does. */
  readonly buckets: CredentialSources | null;
  /** How git is run; `null`: it is not. */
  readonly git: GitDeps | null;
}

/** A few only: who syncs tries again by itself, and says meanwhile that nothing answers. */
const RETRIES = { attempts: 5, patience: 30_000 };

/** Opens a remote as this machine, or as another `key`, where it lies here. Throws RemoteError. */
export async function connectHere(
  node: Pick<SatchelNode, 'store' | 'config' | 'deps' | 'home' | 'log'>,
  descriptor: RemoteDescriptor,
  key = node.deps.machine.key,
): Promise<Remote> {
  const { clock, random } = node.deps;
  return connect(await placeHere(node.store, descriptor), { clock, random, key, buckets: bucketSources(node), git: gitDeps(node) });
}

/** How this machine runs git, and where it keeps what it fetched. */
export function gitDeps({ deps: { clock, random }, config, home, log }: Pick<SatchelNode, 'config' | 'deps' | 'home' | 'log'>): GitDeps {
  return { clock, random, caches: home.git, environment: config.environment.gitVariables, note: (what) => log.warn(what) };
}

/** Where this machine keeps what opens buckets. */
export function bucketSources({ config: { environment } }: Pick<SatchelNode, 'config'>): CredentialSources {
  return { home: environment.home, variables: environment.bucketVariables };
}

/**
 * Opens the remote that a descriptor names. Throws RemoteError: `unfit` for an address that cannot be used, `unauthorized`
 * where this machine has nothing that opens a bucket.
 */
export async function connect(descriptor: RemoteDescriptor, { clock, random, key, buckets, git }: ConnectDeps): Promise<Remote> {
  const parsed = parseRemoteAddress(descriptor.address);
  if (!parsed.ok) throw new RemoteError('unfit', parsed.error);
  const address = parsed.value;
  if (address.driver === 'folder') return openFolderRemote(address.path, { clock, random });
  if (address.driver === 'git') {
    if (git === null) throw new RemoteError('unfit', 'git is not run here');
    return openGitRemote(address, git);
  }
  if (address.driver !== 'hub') {
    if (buckets === null) throw new RemoteError('unauthorized', 'nothing here opens buckets');
    const driver = { clock, random, retries: RETRIES };
    const credentials = await credentialsNow(address.blobs, buckets);
    const blobs = await openBlobs(address.blobs, credentials, driver);
    return openBucketRemote(renewedBlobs(blobs, credentials, address.blobs, { sources: buckets, driver }), { clock, random });
  }
  if (descriptor.hubKey === undefined) throw new RemoteError('unfit', 'the key of this hub is not known: join it by a link or by words');
  return createHubRemote({
    url: address.url,
    key: descriptor.hubKey as MachineId,
    ...(descriptor.tlsPin === undefined ? {} : { tlsPin: descriptor.tlsPin }),
    signing: key,
    clock,
    random,
  });
}
