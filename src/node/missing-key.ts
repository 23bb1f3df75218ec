import { readIdentity, copiedIdentityFile } from './copied-store/settle-copy.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { placeHere } from './remote-registry.ts';

/** That the log of a space is here, and nothing that opens it: nothing can be captured or put in place. */
export interface MissingKey {
  /** Without a full stop. */
  readonly message: string;
  readonly remedy: string;
}

/**
 * Whether this machine has no key of a space’s present epoch. Who was revoked has none either, for good: `revocationOf`
 * says so. Cost: nothing.
 */
export function lacksKey({ replica }: Pick<OpenSpace, 'replica'>): boolean {
  return replica.term !== null && !replica.canWrite && replica.stop?.type !== 'unknown-feature';
}

/**
 * What there is to say where a key is missing, as after a restore, or where the machine’s own keys were lost; `null` where
 * none is, or this machine was revoked.
 */
export async function missingKey(node: SatchelNode, open: OpenSpace): Promise<MissingKey | null> {
  const { entry, replica } = open;
  if (!lacksKey(open) || replica.isRevoked) return null;
  if (replica.stop?.type === 'waiting-for-key' && replica.membership.members.has(replica.machine))
    return {
      message: `record ${replica.stop.position} needs a key that this machine does not have`,
      remedy: 'Ask an owner to revoke this machine and invite it again: satchel machines revoke, satchel invite',
    };
  const message = 'this machine holds no key of it, so nothing is captured or put in place';
  const link = 'satchel join, with a link that another machine’s satchel invite makes';
  if (entry.remote === null)
    return {
      message,
      remedy: `Run: satchel keys recover here (with the 24 words, where the store that ordered it before is gone for good), or ${link}`,
    };
  const { address } = await placeHere(node.store, entry.remote);
  const byWords = `satchel keys recover ${address} (with the 24 words)`;
  const isCopy = (await readIdentity(copiedIdentityFile(node.home))) !== null;
  if (isCopy)
    return { message, remedy: `As a copy it is let in when ${address} is reached: satchel sync. Otherwise: ${byWords}, or ${link}` };
  return { message, remedy: `Run: ${byWords}, or ${link}` };
}

/** The same as a refusal. */
export async function missingKeyFailure(node: SatchelNode, open: OpenSpace): Promise<OperationFailure | null> {
  const missing = await missingKey(node, open);
  return missing === null ? null : new OperationFailure('refused', 'no-key', `${open.entry.name}: ${missing.message}`, missing.remedy);
}
