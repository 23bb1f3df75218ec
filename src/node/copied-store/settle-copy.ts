import { hostname } from 'node:os';
import { nameOfHost } from '../machine-name.ts';
import path from 'node:path';
import type { KeyWrapping } from '../../core/ports/key-wrapping.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Store } from '../../core/ports/store.ts';
import { isCopied, isMarked, markPlace } from './place-mark.ts';
import { forgetPlace } from './forget-place.ts';
import { readPrivate, removePrivate, writePrivate, type NodeHome } from '../home.ts';
import { createIdentity, parseIdentity, type StoredIdentity } from '../machine-identity.ts';
import { listSpaces } from '../space-registry.ts';

/** What a person said of the store that this one was copied from. */
export type CopyAnswer = 'same-machine' | 'new-machine';

/** The store was copied, and others may depend on what it was: a person must say what it shall be. Nothing was changed. */
export class StoreWasCopied extends Error {
  override readonly name = 'StoreWasCopied';
  constructor() {
    super('this store is a copy of one in another place, and orders logs: two stores must never act as one machine');
  }
}

/** The machine that a copy was of, until the copy was let in by itself. */
export const copiedIdentityFile = (home: NodeHome): string => path.join(home.keys, 'copied-machine.json');

/**
 * A store that wakes up elsewhere becomes a new machine, before anything acts with its keys: its old identity is put
 * aside, to let the new one into its spaces, and what the old place's files looked like is forgotten. Where it orders
 * logs itself, which only one store may, it throws {@link StoreWasCopied} instead, unless `answer` decides. Safe to
 * repeat after a crash at any point. Cost: two small files, where nothing was copied.
 */
export async function settleCopy(
  home: NodeHome,
  store: Store,
  deps: {
    readonly random: Random;
    readonly clock: Clock;
    readonly wrapping: KeyWrapping;
    readonly isHub: boolean;
    readonly answer?: CopyAnswer | undefined;
  },
): Promise<boolean> {
  if (!(await isCopied(home))) {
    if (!(await isMarked(home))) await markPlace(home);
    return false;
  }
  if (deps.answer === undefined && (deps.isHub || (await ordersLogs(store)))) throw new StoreWasCopied();
  await forgetPlace(store, { invitations: deps.answer !== 'same-machine', now: deps.clock.now() });
  if (deps.answer !== 'same-machine') await takeNewIdentity(home, deps);
  await markPlace(home);
  return deps.answer !== 'same-machine';
}

async function ordersLogs(store: Store): Promise<boolean> {
  return (await listSpaces(store)).some(({ remote }) => remote === null);
}

async function takeNewIdentity(home: NodeHome, deps: { readonly random: Random; readonly wrapping: KeyWrapping }): Promise<void> {
  const file = path.join(home.keys, 'machine.json');
  const text = await readPrivate(file);
  if (text === null) return;
  const aside = await readIdentity(copiedIdentityFile(home));
  const now = parseIdentity(text, file);
  // After a crash between the two, the new one is there already.
  if (aside !== null && aside.seed !== now.seed && now.copyOf === aside.recipient) return;
  await writePrivate(copiedIdentityFile(home), text);
  // Members pinned its certificate with the old key; what envelopes held was for the old identity.
  for (const name of ['tls.json', 'opened.json']) await removePrivate(path.join(home.keys, name));
  const host = nameOfHost(hostname());
  const name = host === now.name ? `${now.name.slice(0, 57)} (copy)` : host;
  await createIdentity(file, deps, { name, copyOf: now.recipient });
}

export async function readIdentity(file: string): Promise<StoredIdentity | null> {
  const text = await readPrivate(file);
  return text === null ? null : parseIdentity(text, file);
}
