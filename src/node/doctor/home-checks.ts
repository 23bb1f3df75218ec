import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { quickCheck } from '../../store/sqlite/quick-check.ts';
import { PasswordMissing, StoreUnusable } from '../../store/store-unusable.ts';
import { isCopied } from '../copied-store/place-mark.ts';
import { copiedIdentityFile, readIdentity } from '../copied-store/settle-copy.ts';
import type { NodeHome } from '../home.ts';
import { failed, passed, some, warned, type Check } from './check.ts';
import { checkRoom } from './disk-room.ts';

/** A database that this hub keeps its store in. */
export interface SharedStore {
  /** Looks whether it can be used: its address as shown to people, and whether row policies hold for this user; or an error that says why not. */
  readonly probe: () => Promise<{ readonly address: string; readonly isUnbound: boolean }>;
  /** As shown to people. */
  readonly address: string;
  /** A hub runs on it here, and says itself how it is. */
  readonly isAsked: boolean;
}

/** What can be seen without opening the node. Changes nothing; works where the node cannot start. */
export async function checkHome(home: NodeHome, nodeVersion: string, shared: SharedStore | null = null): Promise<Check[]> {
  const checks = [checkNodeVersion(nodeVersion)];
  if ((await sizeOf(home.root)) === null)
    return [...checks, warned('home.present', 'low', `there is nothing at ${home.root} yet`, 'Run: satchel up, or satchel join')];
  const ofStore = shared === null ? [await checkPlace(home), await checkStore(home)] : [await checkShared(shared)];
  return [...checks, await checkModes(home), await checkDisk(home), ...ofStore];
}

function checkNodeVersion(version: string): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const isFit = major > 20 || (major === 20 && minor >= 19);
  return isFit
    ? passed('node.version', `Node ${version}`)
    : failed('node.version', 'high', `Node ${version} is too old`, 'Install Node 20.19 or newer');
}

async function checkModes({ root, keys, store, token, metricsToken, log }: NodeHome): Promise<Check> {
  if (process.getuid === undefined) return passed('home.modes', 'this system keeps no modes');
  const secrets = await readdir(keys).catch(() => []);
  const open: string[] = [];
  for (const file of [root, keys, store, `${store}-wal`, token, metricsToken, log, ...secrets.map((name) => path.join(keys, name))]) {
    const found = await stat(file).catch(() => null); // of what a link leads to: links have no modes
    if (found === null) continue;
    if ((found.mode & 0o077) !== 0 || found.uid !== process.getuid())
      open.push(`${file}: mode ${(found.mode & 0o777).toString(8)}, user ${found.uid}`);
  }
  if (open.length === 0) return passed('home.modes', 'keys and store are this user’s alone');
  return failed('home.modes', 'high', 'others may read or change what is this user’s alone', `Run: chmod -R go= ${root}`, some(open));
}

async function checkDisk({ root }: NodeHome): Promise<Check> {
  const { bavail, bsize } = await statfs(root);
  return checkRoom(root, bavail * bsize);
}

async function checkPlace(home: NodeHome): Promise<Check> {
  if (await isCopied(home))
    return warned('home.place', 'medium', 'this store was copied here: with its next start it is a new machine', 'Run: satchel up');
  if ((await readIdentity(copiedIdentityFile(home))) !== null)
    return warned(
      'home.place',
      'medium',
      'this store was copied here, and is a new machine that no space knows yet',
      'Run: satchel sync; or let it in by a link: satchel invite on another machine, satchel join here',
    );
  return passed('home.place', 'the store is where it was made');
}

async function checkShared({ probe, address, isAsked }: SharedStore): Promise<Check> {
  try {
    const found = await probe();
    if (!found.isUnbound) return passed('store.database', `${found.address} answers`);
    return warned(
      'store.database',
      'low',
      `${found.address} is used as a superuser, or as one who is under no row policies: they keep other programs of that user from nothing`,
      'Let the hub log in as a user of its own, who owns its schema and nothing else: docs/guides/several-hubs.md',
    );
  } catch (error) {
    // What a service is given, or a password in another shell, is not here: that says nothing of the database.
    if (error instanceof PasswordMissing && isAsked)
      return passed('store.database', `no password for ${address} is here: the hub that runs says how it is`);
    if (error instanceof PasswordMissing)
      return warned(
        'store.database',
        'medium',
        `cannot look into ${address}: it asks for a password, and none is here`,
        'Give this command what the hub is given: SATCHEL_STORE_PASSWORD, or SATCHEL_STORE_PASSWORD_FILE',
      );
    if (error instanceof StoreUnavailable) return failed('store.database', 'high', error.message, error.remedy);
    if (error instanceof StoreUnusable) return failed('store.database', 'high', error.message, null);
    throw error;
  }
}

async function checkStore({ store }: NodeHome): Promise<Check> {
  if ((await sizeOf(store)) === null) return warned('store.integrity', 'low', 'there is no store yet', 'Run: satchel up, or satchel join');
  const damage = quickCheck(store);
  if (damage.length === 0) return passed('store.integrity', 'the database is sound (quick check)');
  return failed(
    'store.integrity',
    'high',
    'the database is damaged',
    'Run: satchel store verify; then restore a backup, or join again',
    some(damage),
  );
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
