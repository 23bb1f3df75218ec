import { createSigningKey } from '../../core/crypto/signing.ts';
import { hexToBytes } from '../../core/ids.ts';
import { RemoteError, type Remote } from '../../core/ports/remote.ts';
import { addMember, NotAllowed } from '../../core/replica/administer.ts';
import type { MachineIdentity } from '../../core/replica/deps.ts';
import { Replica } from '../../core/replica/replica.ts';
import { connectHere } from '../connect.ts';
import { removePrivate } from '../home.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { copiedIdentityFile, readIdentity } from './settle-copy.ts';

/**
 * Lets the machine that a copied store became into a space, signed by the machine that it was a copy of: the only thing
 * that the copy ever does with that key, and it does it at the home remote, which orders it. What then is in the log is
 * the same whether the other store still runs or not. Throws RemoteError. Where the old machine may not invite, nothing
 * happens: an owner's link lets this one in. Cost: one small file where the store is no copy.
 */
export async function admitCopy(node: SatchelNode, { entry, replica }: OpenSpace): Promise<void> {
  const stored = await readIdentity(copiedIdentityFile(node.home));
  if (stored === null || entry.remote === null || (await replica.head()) === null) return;
  const old: MachineIdentity = { ...stored, key: createSigningKey(hexToBytes(stored.seed)) };
  if (!replica.membership.members.has(node.deps.machine.key.machine)) {
    const remote = await connectHere(node, entry.remote, old.key);
    try {
      await replica.exclusive(() => admit(node, replica, old, remote));
    } catch (error) {
      if (!(error instanceof NotAllowed) && !(error instanceof RemoteError && error.type === 'unauthorized')) throw error;
      node.log.warn({ reason: error.message }, 'the machine that this store was copied from cannot let it in');
      return;
    } finally {
      await remote.close();
    }
  }
  await forgetOldIdentity(node);
}

/** Inside the space's queue, since it writes past the replica that runs. */
async function admit(node: SatchelNode, replica: Replica, old: MachineIdentity, remote: Remote): Promise<void> {
  const { key, recipient, name } = node.deps.machine;
  const before = await Replica.open({ ...node.deps, machine: old }, replica.space);
  before.setRemote(remote);
  try {
    const member = before.membership.members.get(old.key.machine);
    if (member === undefined) throw new NotAllowed('the machine that this store was copied from is no member any more');
    await addMember(before, remote, { machine: key.machine, recipient, role: member.role, account: member.account, name });
  } finally {
    await replica.reopen();
  }
}

/** Once every space knows the new machine, nothing here can act as the old one any more. */
async function forgetOldIdentity(node: SatchelNode): Promise<void> {
  const { machine } = node.deps.machine.key;
  for (const { entry, replica } of node.spaces.values()) {
    if (entry.remote === null || (await replica.head()) === null) continue;
    if (!replica.membership.members.has(machine)) return;
  }
  await removePrivate(copiedIdentityFile(node.home));
}
