import type { SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import { HOUSEKEEPING_KINDS } from '../kinds/claude-home/housekeeping.ts';
import { NotAllowed } from '../core/replica/administer.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { homeOf, reviveHome } from '../core/replica/move-home.ts';
import { HomeElsewhere, recover } from '../core/replica/recover.ts';
import type { RecoveryKey } from '../core/replica/recovery-key.ts';
import { Replica } from '../core/replica/replica.ts';
import { shellWord } from '../config/private-file.ts';
import { connectHere } from './connect.ts';
import { encodeDescriptor, parseDescriptor, syncAtHome } from './move-space.ts';
import { placeHere, putPlace } from './remote-registry.ts';
import { forgetLog } from './forget-log.ts';
import { lacksKey } from './missing-key.ts';
import { LEFT_BEHIND, isLeftBehind } from './operations/status-verdict.ts';
import { sharedSpace, stepAside } from './step-aside.ts';
import { parseRemoteAddress } from '../remotes/drivers.ts';
import { PERSONAL, type SatchelNode } from './node.ts';
import { OperationFailure, type OperationContext } from './operations/operation.ts';
import { machineNames } from './machine-names.ts';
import { takenNames, uniqueName } from './unique-name.ts';

export interface RecoverWish {
  readonly recovery: RecoveryKey;
  /** `null`: what is ordered at this node itself, and it holds no key of. */
  readonly remote: RemoteDescriptor | null;
  /** `null`: all spaces at the remote that the key opens. */
  readonly space: SpaceId | null;
  /** Where the log there says that it moved away: the home that it names is lost for good, and `remote` is to be the home again. */
  readonly lost: boolean;
}

interface Found {
  readonly space: SpaceId;
  /** Where it was recovered: the remote asked, or the home that its log names. */
  readonly remote: RemoteDescriptor | null;
  readonly movedFrom: MovedFrom | null;
}

interface MovedFrom {
  readonly remote: RemoteDescriptor | null;
  /** Of the record that says so. */
  readonly position: number;
}

/** Homes that an old copy leads to, each one naming the next. */
const MOST_MOVES = 8;

/**
 * Makes this machine an owner of the spaces that a recovery key opens, and follows them. Its folders are in one of them from
 * then on, and leave the space that they were in: `behind`, where others share that. Safe to repeat.
 */
export async function recoverSpaces(node: SatchelNode, wish: RecoverWish, context: Pick<OperationContext, 'say' | 'progress'>) {
  const { say, progress } = context;
  const candidates = await candidatesAt(node, wish);
  const done: Found[] = [];
  const refusals: OperationFailure[] = [];
  for (const [index, space] of candidates.entries()) {
    progress(index, candidates.length, 'spaces');
    const found = await recoverOne(node, wish, { space, remote: wish.remote, movedFrom: null });
    if (found instanceof OperationFailure) refusals.push(found);
    else done.push(found);
  }
  const elsewhere = refusals.filter(({ type }) => type === MOVED);
  if (done.length === 0) throw elsewhere[0] ?? nothingRecovered(wish, refusals[0]?.message ?? 'no space there names this recovery key');
  for (const { message, next } of elsewhere) say(`${message}. ${next}`);
  const own = ownAmong(node, wish, done);
  const behind = own === null ? null : await sharedSpace(node, own);
  if (own !== null) await stepAside(node, own);
  const recovered = [];
  for (const { space, remote, movedFrom } of done) {
    const name = space === own ? PERSONAL : (node.spaces.get(space)?.entry.name ?? `recovered-${space.slice(0, 6)}`);
    const open = await node.updateSpace({ space, name, remote, addedAt: node.deps.clock.now(), recoveryShown: true });
    // Before anything follows the log to the home that is lost.
    if (wish.lost && remote !== null && movedFrom !== null)
      await reviveHome(open.replica, await open.runner.connected(), encodeDescriptor(remote));
    if (remote !== null) say(`Bringing ${name} from ${remote.address}`);
    await syncAtHome(node, open, (have, total) => progress(have, total, 'commits'));
    const now = node.spaces.get(space) ?? open;
    const names = await machineNames(node, now);
    const others = [...now.replica.membership.members.keys()].filter((machine) => machine !== node.deps.machine.key.machine);
    const { items } = await node.store.read((tx) => tx.items.count(space, HOUSEKEEPING_KINDS));
    recovered.push({
      space,
      name,
      items,
      position: now.replica.position,
      machine: names.get(node.deps.machine.key.machine) ?? node.deps.machine.name,
      other_machines: others.map((machine) => names.get(machine) ?? machine.slice(0, 8)),
      remote: remote?.address ?? null,
      moved_with_record: movedFrom?.position ?? null,
    });
  }
  return { recovered, behind };
}

/** The one that this machine's folders are to be in; `null` where they stay where they are. */
function ownAmong({ spaces }: SatchelNode, { remote }: RecoverWish, found: readonly Found[]): SpaceId | null {
  const named = (space: SpaceId): string | undefined => spaces.get(space)?.entry.name;
  const own = found.find(({ space }) => named(space) === PERSONAL);
  if (own !== undefined) return own.space;
  // What is in this store without its key was not asked for as such: the folders stay in the space that has them.
  if (remote === null && [...spaces.values()].some(({ entry }) => entry.name === PERSONAL)) return null;
  return found.find(({ space }) => isLeftBehind(named(space) ?? LEFT_BEHIND))?.space ?? null;
}

async function candidatesAt(node: SatchelNode, { remote: at, recovery, space }: RecoverWish): Promise<readonly SpaceId[]> {
  if (at === null) return keylessHere(node).filter((each) => space === null || each === space);
  const remote = await connectHere(node, at, recovery.key);
  try {
    const all = await remote.spaces();
    return space === null ? all : [space];
  } finally {
    await remote.close();
  }
}

/** At `remote`, or at the home that its log names, which may name another one. Throws RemoteError. */
async function recoverOne(
  node: SatchelNode,
  wish: RecoverWish,
  { space, remote: at, movedFrom }: Found,
  moves = 0,
): Promise<Found | OperationFailure> {
  const remote = at === null ? node.local : await connectHere(node, at, wish.recovery.key);
  try {
    return await recoverAt(node, wish, { space, remote: at, movedFrom }, remote);
  } catch (error) {
    if (!(error instanceof HomeElsewhere)) throw error;
    if (wish.lost)
      return await recoverAt(node, wish, { space, remote: at, movedFrom: { remote: at, position: error.position } }, remote, true);
    const home = parseDescriptor(error.descriptor);
    if (home === null || moves === MOST_MOVES)
      return movedAway(wish, error, home?.address ?? 'a place that cannot be read', 'it leads to no home');
    try {
      return await recoverOne(node, wish, { space, remote: home, movedFrom: { remote: at, position: error.position } }, moves + 1);
    } catch (unreachable) {
      if (!(unreachable instanceof RemoteError)) throw unreachable;
      return movedAway(wish, error, home.address, unreachable.message);
    }
  } finally {
    if (at !== null) await remote.close();
  }
}

/** Throws HomeElsewhere, unless `isHome` says that this is the home whatever the log says. */
async function recoverAt(
  node: SatchelNode,
  { recovery }: RecoverWish,
  found: Found,
  remote: Remote,
  isHome = false,
): Promise<Found | OperationFailure> {
  const { space, remote: at } = found;
  const wasHere = (await node.store.read((tx) => tx.logs.head(space))) !== null;
  const replica = node.spaces.get(space)?.replica ?? (wasHere ? await Replica.open(node.deps, space) : Replica.create(node.deps, space));
  try {
    await recover(replica, remote, recovery, {
      nameAmong(taken) {
        node.introduced = true; // named in what is appended next
        return uniqueName(node.deps.machine.name, takenNames(taken));
      },
      isHome: async (descriptor) => isHome || at === null || isSamePlace(node, at, parseDescriptor(descriptor)),
    });
    return isHome ? found : { ...found, remote: await asNamed(node, replica, at) };
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error;
    if (!wasHere) await forgetLog(node, space);
    if (error instanceof HomeElsewhere) throw error;
    return new OperationFailure('refused', 'not-allowed', error.message);
  }
}

/** The home as the log names it, where it is a folder at another path: looked for at this one here from now on. */
async function asNamed({ store }: SatchelNode, replica: Replica, at: RemoteDescriptor | null): Promise<RemoteDescriptor | null> {
  const said = await homeOf(replica);
  const home = said === null ? null : parseDescriptor(said);
  const here = at === null ? null : parseRemoteAddress(at.address);
  if (here?.ok !== true || here.value.driver !== 'folder' || home === null || home.address === at?.address) return at;
  if (!home.address.startsWith('folder:')) return at;
  await putPlace(store, home.address, here.value.path);
  return home;
}

/** A hub is known by its key, whatever its address; everything else by where it lies here. */
async function isSamePlace({ store }: SatchelNode, at: RemoteDescriptor, home: RemoteDescriptor | null): Promise<boolean> {
  if (home === null) return false;
  if (home.hubKey !== undefined) return home.hubKey === at.hubKey;
  return (await placeHere(store, home)).address === (await placeHere(store, at)).address;
}

const MOVED = 'moved';

function movedAway({ remote }: RecoverWish, { position }: HomeElsewhere, home: string, why: string): OperationFailure {
  const at = remote?.address ?? 'this node';
  return new OperationFailure(
    'unreachable',
    MOVED,
    `nothing was recovered: the log at ${at} is an old copy. Its last record, ${position}, says that the space is kept at ${home} since; but ${why}`,
    `Bring that within reach, and run the same again. If it is lost for good, or is this very place by another path, go on from the copy: satchel keys recover ${shellWord(at)} --lost`,
  );
}

function nothingRecovered({ remote }: RecoverWish, why: string): OperationFailure {
  return new OperationFailure(
    'refused',
    'nothing-to-recover',
    `nothing was recovered: ${why}`,
    remote === null
      ? 'Here are recovered only spaces that are ordered here, and whose key is missing: satchel status'
      : 'Check the address and the words; a replaced recovery key opens nothing',
  );
}

function keylessHere(node: SatchelNode): SpaceId[] {
  return [...node.spaces.values()].flatMap((open) => (open.entry.remote === null && lacksKey(open) ? [open.entry.space] : []));
}
