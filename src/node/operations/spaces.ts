import { z } from 'zod';
import type { RemoteDescriptor } from '../../core/joining/link.ts';
import { headWords } from '../../core/joining/words.ts';
import { PlaceDamaged, PlaceLost, RemoteError, type Remote } from '../../core/ports/remote.ts';
import type { ObjectId } from '../../core/ids.ts';
import { ObjectsLost, OtherHistory } from '../../core/replica/copy-log.ts';
import { itemsWith } from '../../core/replica/items-with.ts';
import { moveHome, reviveHome } from '../../core/replica/move-home.ts';
import { readFrom } from '../../core/replica/transfer.ts';
import { parseRemoteAddress } from '../../remotes/drivers.ts';
import { isOnlyHere } from '../only-here.ts';
import { connectHere } from '../connect.ts';
import { fallenStatus, type FallenStatus } from '../fallen-status.ts';
import { findSpace } from '../find-space.ts';
import { encodeDescriptor, followMove, movedTo, whileMoving } from '../move-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { machineNames } from '../machine-names.ts';
import { presentMachines } from '../present-machines.ts';
import { printable } from '../printable.ts';
import { shellWord } from '../../config/private-file.ts';
import { reviveCommand, syncRemedy } from '../sync-remedy.ts';
import { listProjects } from '../sessions/list-projects.ts';
import { spaceField } from './fields.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { remoteFailure } from './remote-failure.ts';
import { knownRemotes, makePlace } from './remotes.ts';

/** Milliseconds that a home is waited for which did not answer of late, and is said to be lost. */
const SILENT_LIMIT = 10_000;

export interface SpaceLine {
  readonly space: string;
  readonly name: string;
  readonly mode: 'sealed' | 'open' | null;
  /** `null`: at this node. */
  readonly remote: string | null;
  readonly term: number;
  readonly position: number;
  readonly words: string;
  readonly members: number;
  readonly role: string | null;
  /** Which folder of this machine each project of a Claude home is. */
  readonly projects: readonly { readonly id: string; readonly folder: string | null; readonly sessions: number }[];
}

export const spacesOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ readonly spaces: readonly SpaceLine[] }> {
    const spaces = [];
    for (const open of node.spaces.values()) {
      const { entry, replica } = open;
      const head = await replica.head();
      const membership = head === null ? null : replica.membership;
      spaces.push({
        space: entry.space,
        name: entry.name,
        mode: membership?.mode ?? null,
        remote: entry.remote?.address ?? null,
        term: head?.term ?? 0,
        position: head?.position ?? -1,
        words: head === null ? '' : headWords(head.hash),
        members: membership?.members.size ?? 0,
        role: membership?.members.get(node.deps.machine.key.machine)?.role ?? null,
        projects: (await listProjects(open)).map(({ id, folder, sessions }) => ({ id, folder, sessions })),
      });
    }
    return { spaces };
  },
});

export interface MoveResult {
  readonly space: string;
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly moved: boolean;
  /** Encrypted bodies that are nowhere to be had from here, and the names of their items. */
  readonly left_out: { readonly bodies: number; readonly items: readonly string[] };
  /** Where the home before was lost: changes that its log held and the new one does not, until who has their contents brings them. */
  readonly fallen: Pick<FallenStatus, 'own' | 'others'>;
  /** Its log is ordered here, other machines are members, and this node listens where only this machine reaches it. */
  readonly only_here: boolean;
  /** Where the home before was lost: the other machines, which no record there can send to the new one. */
  readonly to_be_told: readonly { readonly name: string; readonly role: string }[];
  /** It was said to be lost, and answered: members are sent on from there, as by any move. */
  readonly home_answered: boolean;
}

/** Checked and resumable: the log is copied, then a signed record at the old home sends every member to the new one. */
export const moveSpaceOperation = defineOperation({
  input: z.strictObject({ space: spaceField, remote: z.string().min(1).max(4096), lost: z.boolean().default(false) }),
  async run(node, input, { progress }): Promise<MoveResult> {
    const open = findSpace(node, input.space);
    const { entry, replica } = open;
    const isHere = input.remote === 'here';
    const target = isHere ? node.descriptor() : await findRemote(node, input.remote);
    if (target === null)
      throw new OperationFailure(
        'refused',
        'not-listening',
        'this node does not listen, so no other machine could follow it here',
        'Run: satchel up',
      );
    const from = entry.remote?.address ?? null;
    const result = { space: entry.space, name: entry.name, from, to: isHere ? null : target.address };
    const alreadyThere = isHere
      ? entry.remote === null
      : entry.remote !== null && encodeDescriptor(entry.remote) === encodeDescriptor(target);
    if (alreadyThere && !input.lost) {
      await refuseLostHome(open);
      return {
        ...result,
        moved: false,
        left_out: { bodies: 0, items: [] },
        fallen: { own: 0, others: [] },
        only_here: await isOnlyHere(node, open),
        to_be_told: [],
        home_answered: false,
      };
    }
    if (input.lost && !isHere) await makePlace(node, target);
    const leftOut = new Set<ObjectId>();
    const intact = input.lost && !alreadyThere ? await whileMoving(open, () => intactHome(node, open)) : null;
    if (intact !== null && (await movedTo(open, node.deps.machine.key.machine)) !== null)
      throw await movedMeanwhile(node, open, input.remote);
    let isSentOn = intact !== null;
    const said = (done: number, total: number): void => progress(done, total, 'records');
    const now = await whileMoving(open, async () => {
      const to = isHere ? node.local : await connectHere(node, target);
      try {
        if (!input.lost) await moveHome(replica, await presentHome(open), to, encodeDescriptor(target), said);
        else {
          if (intact !== null) isSentOn = await isMovedFrom(() => moveHome(replica, intact, to, encodeDescriptor(target), said, leftOut));
          if (!isSentOn) await reviveHome(replica, to, encodeDescriptor(target), leftOut);
        }
      } catch (error) {
        if (error instanceof ObjectsLost) throw lostBodies(error, entry.name, input.remote);
        if (error instanceof OtherHistory) throw otherHistory(error);
        if (error instanceof PlaceDamaged) throw damagedHome(error, open);
        throw error;
      } finally {
        if (!isHere) await to.close();
      }
      return node.updateSpace({ ...entry, remote: isHere ? null : target });
    });
    // Who looks where it is, as where a hub was restored, finds the way.
    const toBeTold = input.lost && !alreadyThere && !isSentOn ? await othersIn(node, now) : [];
    const left_out = { bodies: leftOut.size, items: leftOut.size === 0 ? [] : await itemsWith(now.replica, leftOut) };
    const { own, others } = await fallenStatus(node, now);
    return {
      ...result,
      moved: true,
      left_out,
      fallen: { own, others },
      only_here: await isOnlyHere(node, now),
      to_be_told: toBeTold,
      home_answered: isSentOn,
    };
  },
});

function lostBodies({ message }: ObjectsLost, name: string, remote: string): OperationFailure {
  const again = `satchel spaces move ${shellWord(name)} ${shellWord(printable(remote))}`;
  return new OperationFailure(
    'refused',
    'bodies-lost',
    message,
    `On a machine that has them, run: satchel store verify --full; then run the same again. Where none has them, to go without: ${again} --lost`,
  );
}

/** The present home answers, so that nothing of it is given up for what stands there. */
function otherHistory({ message }: OtherHistory): OperationFailure {
  return new OperationFailure(
    'refused',
    'other-history',
    message,
    'What stands there has records that are not in this log, as where somebody wrote there after the space left it. It stays as it is, and the space where it is; nothing is lost. Move it to another place, or to a new hub: satchel remotes add --help',
  );
}

async function othersIn(node: SatchelNode, open: OpenSpace): Promise<MoveResult['to_be_told']> {
  const names = await machineNames(node, open);
  const { members } = open.replica.membership;
  const others = (await presentMachines(node, open)).filter((machine) => machine !== node.deps.machine.key.machine);
  return others.map((machine) => ({ name: names.get(machine) ?? machine.slice(0, 8), role: members.get(machine)?.role ?? 'reader' }));
}

/**
 * The present home, where it answers and holds the log as it is here, once what is new there was read: what it lost is bodies
 * alone, and members there can be sent on, so that a space gets no second home by somebody's mistake. `null`: it is asked for nothing more. What
 * does something wrong is not asked, and what did not answer of late not for long.
 */
async function intactHome(node: SatchelNode, { entry, replica, runner }: OpenSpace): Promise<Remote | null> {
  const { problem, problemType } = runner.state;
  if (problem !== null && problemType !== 'unreachable') return null;
  try {
    const asked = runner.connected().then(async (remote) => ((await remote.head(entry.space)) === null ? null : remote));
    const remote = await (problem === null ? asked : Promise.race([asked, node.deps.clock.sleep(SILENT_LIMIT).then(() => null)]));
    if (remote === null || (await readFrom(replica, remote)).divergence !== null) return null;
    return (await remote.head(entry.space))?.hash === (await replica.head())?.hash ? remote : null;
  } catch (error) {
    if (error instanceof RemoteError) return null;
    throw error;
  }
}

/** False where it answers, and does not do what a move needs of it. What stands at the new place is no fault of its. */
async function isMovedFrom(move: () => Promise<void>): Promise<boolean> {
  try {
    await move();
    return true;
  } catch (error) {
    if (error instanceof RemoteError && !(error instanceof OtherHistory)) return false;
    throw error;
  }
}

/** An owner moved the space on, which this machine did not know: it follows, and nothing is given up. */
async function movedMeanwhile(node: SatchelNode, { entry }: OpenSpace, remote: string): Promise<OperationFailure> {
  await followMove(node, entry.space);
  const home = node.spaces.get(entry.space)?.entry.remote?.address ?? 'this node';
  const again = `satchel spaces move ${shellWord(printable(entry.name))} ${shellWord(printable(remote))}`;
  return new OperationFailure(
    'refused',
    'moved-meanwhile',
    `${printable(entry.name)} was moved to ${printable(home)} meanwhile, and this machine follows there: nothing was given up, and nothing was changed`,
    `To move it from there: ${again}`,
  );
}

/** That it is kept there already is true only where it is. */
async function refuseLostHome(open: OpenSpace): Promise<void> {
  const { entry, replica } = open;
  const [there, here] = [await (await presentHome(open)).head(entry.space), await replica.head()];
  if (here === null || (there !== null && there.position >= here.position)) return;
  const at = { name: entry.name, remote: entry.remote?.address ?? null };
  throw new OperationFailure(
    'refused',
    'home-lost',
    `${printable(at.remote ?? 'this node')} is its home already, and ${there === null ? 'does not hold its log any more' : 'holds an older state of it'}`,
    `Where it was lost, made anew or restored from a backup, to keep it there again, with all that this machine has: ${reviveCommand(at)}`,
  );
}

/** Asked before anything is moved, so that it is the one blamed: where it is lost for good, nobody needs to wait for it. */
async function presentHome({ entry, runner }: OpenSpace): Promise<Remote> {
  try {
    const remote = await runner.connected();
    await remote.head(entry.space);
    return remote;
  } catch (error) {
    if (error instanceof PlaceDamaged) throw damagedHome(error, { entry });
    if (!(error instanceof RemoteError) || error.type !== 'unreachable') throw error;
    const at = { name: entry.name, remote: entry.remote?.address ?? null };
    if (error instanceof PlaceLost) throw remoteFailure(error, syncRemedy('place-lost', error.message, at));
    throw new OperationFailure(
      'unreachable',
      error.type,
      `the present home cannot be reached: ${error.message}`,
      `Bring it within reach; or, where it is lost for good: satchel spaces move ${entry.name} REMOTE --lost`,
    );
  }
}

function damagedHome(error: PlaceDamaged, { entry }: Pick<OpenSpace, 'entry'>): OperationFailure {
  return remoteFailure(error, syncRemedy('place-damaged', error.message, { name: entry.name, remote: entry.remote?.address ?? null }));
}

async function findRemote(node: SatchelNode, text: string): Promise<RemoteDescriptor> {
  const address = parseRemoteAddress(text);
  if (!address.ok) throw new OperationFailure('usage', 'bad-address', address.error, 'Run: satchel remotes');
  const known = (await knownRemotes(node)).find((descriptor) => descriptor.address === address.value.text);
  if (known !== undefined) return known;
  throw new OperationFailure(
    'usage',
    'no-remote',
    `${printable(address.value.text)} is no remote of this machine yet`,
    address.value.driver === 'hub'
      ? 'On that hub: satchel invite --hub. Here, with its link: satchel remotes add LINK'
      : `Run: satchel remotes add ${shellWord(printable(address.value.text))}`,
  );
}
