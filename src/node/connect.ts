import type { SigningKey } from '../core/crypto/signing.ts';
import type { MachineId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { parseRemoteAddress } from '../remotes/drivers.ts';
import { openFolderRemote } from '../remotes/folder/open.ts';
import { createHubRemote } from '../remotes/hub/hub-remote.ts';

export interface ConnectDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly key: SigningKey;
}

/** Opens the remote that a descriptor names. Throws RemoteError: `unfit` for an address that cannot be used. */
export async function connect(descriptor: RemoteDescriptor, { clock, random, key }: ConnectDeps): Promise<Remote> {
  const address = parseRemoteAddress(descriptor.address);
  if (!address.ok) throw new RemoteError('unfit', address.error);
  if (address.value.driver === 'folder') return openFolderRemote(address.value.path, { clock, random });
  if (descriptor.hubKey === undefined) throw new RemoteError('unfit', 'the key of this hub is not known: join it by a link or by words');
  return createHubRemote({
    url: address.value.url,
    key: descriptor.hubKey as MachineId,
    ...(descriptor.tlsPin === undefined ? {} : { tlsPin: descriptor.tlsPin }),
    signing: key,
    clock,
    random,
  });
}
