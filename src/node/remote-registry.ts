import type { RemoteDescriptor } from '../core/joining/link.ts';
import type { Store } from '../core/ports/store.ts';

/** Remotes that this machine knows besides the homes of its spaces, and where folders lie here. */
const REMOTES = 'remotes';
const PLACES = 'remote-places';

export interface KnownRemote {
  readonly descriptor: RemoteDescriptor;
  readonly addedAt: number;
}

export function listRemotes(store: Store): Promise<KnownRemote[]> {
  return store.read(async (tx) => (await tx.documents.list<KnownRemote>(REMOTES)).map((d) => d.value));
}

export function putRemote(store: Store, remote: KnownRemote): Promise<void> {
  return store.write((tx) => tx.documents.put(REMOTES, remote.descriptor.address, remote));
}

export function removeRemote(store: Store, address: string): Promise<void> {
  return store.write(async (tx) => {
    await tx.documents.remove(REMOTES, address);
    await tx.documents.remove(PLACES, address);
  });
}

/** A stick or share may be mounted elsewhere on each machine: `address` as the space's log names it, `path` as it is here. */
export function putPlace(store: Store, address: string, path: string): Promise<void> {
  return store.write((tx) => tx.documents.put(PLACES, address, { path }));
}

/** The descriptor to open here for the one that the log or a link names. */
export async function placeHere(store: Store, descriptor: RemoteDescriptor): Promise<RemoteDescriptor> {
  const place = await store.read((tx) => tx.documents.get<{ path: string }>(PLACES, descriptor.address));
  return place === undefined ? descriptor : { ...descriptor, address: `folder:${place.path}` };
}
