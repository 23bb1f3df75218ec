import type { SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import { HOUSEKEEPING_KINDS } from '../kinds/claude-home/housekeeping.ts';
import { NotAllowed } from '../core/replica/administer.ts';
import { recover } from '../core/replica/recover.ts';
import type { RecoveryKey } from '../core/replica/recovery-key.ts';
import { Replica } from '../core/replica/replica.ts';
import { connectHere } from './connect.ts';
import { lacksKey } from './missing-key.ts';
import { stepAside } from './join.ts';
import { PERSONAL, type SatchelNode } from './node.ts';
import { OperationFailure, type OperationContext } from './operations/operation.ts';
import { machineNames } from './machine-names.ts';
import { uniqueName } from './unique-name.ts';

export interface RecoverWish {
  readonly recovery: RecoveryKey;
  /** `null`: what is ordered at this node itself, and it holds no key of. */
  readonly remote: RemoteDescriptor | null;
  /** `null`: all spaces at the remote that the key opens. */
  readonly space: SpaceId | null;
}

/** Makes this machine an owner of the spaces that a recovery key opens, and follows them. Safe to repeat. */
export async function recoverSpaces(node: SatchelNode, wish: RecoverWish, { say, progress }: Pick<OperationContext, 'say' | 'progress'>) {
  const remote = wish.remote === null ? node.local : await connectHere(node, wish.remote, wish.recovery.key);
  const done: SpaceId[] = [];
  const refusals: string[] = [];
  try {
    const all = wish.remote === null ? keylessHere(node) : await remote.spaces();
    const candidates = wish.space === null ? all : wish.remote === null ? all.filter((space) => space === wish.space) : [wish.space];
    for (const [index, space] of candidates.entries()) {
      progress(index, candidates.length, 'spaces');
      const wasHere = (await node.store.read((tx) => tx.logs.head(space))) !== null;
      const replica =
        node.spaces.get(space)?.replica ?? (wasHere ? await Replica.open(node.deps, space) : Replica.create(node.deps, space));
      try {
        await recover(replica, remote, wish.recovery, (taken) => {
          node.introduced = true; // named in what is appended next
          return uniqueName(node.deps.machine.name, taken);
        });
        done.push(space);
      } catch (error) {
        if (!(error instanceof NotAllowed)) throw error;
        refusals.push(error.message);
        if (!wasHere) await forgetLog(node, space);
      }
    }
  } finally {
    if (wish.remote !== null) await remote.close();
  }
  if (done.length === 0) {
    const why = refusals.length === 0 ? 'no space there names this recovery key' : refusals[0];
    throw new OperationFailure(
      'refused',
      'nothing-to-recover',
      `nothing was recovered: ${why}`,
      wish.remote === null
        ? 'Here are recovered only spaces that are ordered here, and whose key is missing: satchel status'
        : 'Check the address and the words; a replaced recovery key opens nothing',
    );
  }
  const recovered = [];
  for (const [index, space] of done.entries()) {
    if (index === 0) await stepAside(node, space);
    const name = node.spaces.get(space)?.entry.name ?? (index === 0 ? PERSONAL : `recovered-${space.slice(0, 6)}`);
    const open = await node.updateSpace({ space, name, remote: wish.remote, addedAt: node.deps.clock.now(), recoveryShown: true });
    if (wish.remote !== null) say(`Bringing ${name} from ${wish.remote.address}`);
    await open.runner.syncNow((have, total) => progress(have, total, 'commits'));
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
    });
  }
  return recovered;
}

function keylessHere(node: SatchelNode): SpaceId[] {
  return [...node.spaces.values()].flatMap((open) => (open.entry.remote === null && lacksKey(open) ? [open.entry.space] : []));
}

/** A log that turned out not to be ours leaves nothing. */
async function forgetLog(node: SatchelNode, space: SpaceId): Promise<void> {
  await node.store.write(async (tx) => {
    await tx.logs.remove(space);
    await tx.items.clear(space);
    await tx.documents.remove('cursors', space);
    for (const { id } of await tx.documents.list(`voids/${space}`)) await tx.documents.remove(`voids/${space}`, id);
  });
}
