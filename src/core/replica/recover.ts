import { equalBytes } from '../crypto/hash.ts';
import { bytesToHex, type CommitId, type SpaceId } from '../ids.ts';
import { controlHistory, type ControlEvent } from '../log/control-history.ts';
import { encodeControl } from '../log/control.ts';
import { currentEpoch } from '../log/membership.ts';
import { EMPTY_HEAD, sealRecord } from '../log/record.ts';
import type { KeyWrapping } from '../ports/key-wrapping.ts';
import type { Remote } from '../ports/remote.ts';
import { createSpaceKeys } from '../crypto/space-keys.ts';
import { NotAllowed, appendControl, ownSecrets } from './administer.ts';
import { createRecoveryKey, genesisProof, replacementProof, type RecoveryKey } from './recovery-key.ts';
import type { Replica } from './replica.ts';
import { encodeSecrets, openSecrets, proofIn } from './secrets.ts';
import { openText, sealText } from './sealed-text.ts';
import { pull } from './transfer.ts';

const ATTEMPTS = 20;

/**
 * Makes this machine an owner of a space by its recovery key: brings the log, proves that the space is the one that
 * the key was made for, and appends a member record signed by the key. `remote` is opened as the recovery signer.
 * `nameAmong` is told the names of the other members, in lower case, and says what this machine is called; without it, its
 * own name. Idempotent. Throws {@link NotAllowed} for a key or space that do not belong together, RemoteError.
 */
export async function recover(
  replica: Replica,
  remote: Remote,
  recovery: RecoveryKey,
  nameAmong?: (taken: ReadonlySet<string>) => string,
): Promise<void> {
  const { deps, space } = replica;
  const { machine, wrapping } = deps;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pulled = await pull(replica, remote);
    if (pulled.divergence !== null) throw new NotAllowed(`the remote's log cannot be followed: ${pulled.divergence.type}`);
    const events = controlHistory(await deps.store.read((tx) => tx.logs.controls(space, 0)));
    const membership = events.at(-1)?.after;
    if (membership === undefined) throw new NotAllowed('the remote has no log of this space');
    if (membership.recovery.signer !== recovery.key.machine)
      throw new NotAllowed('this recovery key is not, or no longer, the one of this space');
    if (!(await isProven(events, recovery, space, wrapping)))
      throw new NotAllowed('the space was not made by someone who knows this recovery key: the remote shows a forged one');
    const listed = membership.members.get(machine.key.machine);
    if (listed?.role === 'owner' && listed.recipient === machine.recipient) return;
    const secrets = await openSecrets(membership, 'recovery', recovery.identity, wrapping);
    const keyId = currentEpoch(membership).number;
    if (secrets?.epochKeys.has(keyId) !== true) throw new NotAllowed('the recovery key opens no key of the current epoch');
    const keys = createSpaceKeys(secrets);
    const taken = new Set<string>();
    for (const member of membership.members.values()) {
      if (member.machine === machine.key.machine) continue;
      const other = await openText(member.sealedName, space, keys, deps.compression);
      if (other !== null) taken.add(other.toLowerCase());
    }
    const name = nameAmong?.(taken) ?? machine.name;
    const head = (await replica.head()) ?? EMPTY_HEAD;
    const record = sealRecord(
      {
        type: 'control',
        space,
        id: bytesToHex(deps.random.bytes(16)) as CommitId,
        position: head.position + 1,
        previous: head.hash,
        term: head.term,
        keyId,
        objects: [],
        previousControl: membership.lastControl,
      },
      encodeControl({
        op: 'member',
        member: {
          machine: machine.key.machine,
          recipient: machine.recipient,
          role: 'owner',
          account: null,
          sealedName: await sealText(name, space, keyId, keys, deps),
        },
        envelope: await wrapping.wrap(encodeSecrets(secrets), machine.recipient),
      }),
      recovery.key,
    );
    // Accepted or not, the next round reads what the log holds by then.
    await remote.append(space, head, { records: [record], objects: [] });
  }
  throw new NotAllowed('the space is too busy: others were faster twenty times');
}

/** Whether the record that named this key as the recovery key was made by someone who knew its secret. */
async function isProven(events: readonly ControlEvent[], recovery: RecoveryKey, space: SpaceId, wrapping: KeyWrapping): Promise<boolean> {
  for (const { payload, reason, record } of events) {
    if (reason !== null || payload === null) continue;
    const named = payload.op === 'genesis' || payload.op === 'recovery' ? payload.recovery.signer : null;
    if (named !== recovery.key.machine) continue;
    const isGenesis = payload.op === 'genesis';
    const envelope = isGenesis ? payload.epoch.envelopes['recovery'] : payload.op === 'recovery' ? payload.envelope : undefined;
    const plain = envelope === undefined ? null : await wrapping.unwrap(envelope, recovery.identity);
    const proof = plain === null ? null : proofIn(plain);
    const expected = isGenesis ? genesisProof(recovery, payload.nonce, record.header.signer) : replacementProof(recovery, space);
    if (proof !== null && equalBytes(proof, expected)) return true;
  }
  return false;
}

/** Replaces the space's recovery key: the old words stop working. The new secret must be durable before. Idempotent. */
export async function replaceRecoveryKey(replica: Replica, remote: Remote, secret: Uint8Array): Promise<void> {
  const { wrapping } = replica.deps;
  const recovery = await createRecoveryKey(secret, wrapping);
  await appendControl(replica, remote, async () => {
    if (replica.membership.recovery.signer === recovery.key.machine) return null;
    const plain = encodeSecrets(await ownSecrets(replica), replacementProof(recovery, replica.space));
    return {
      op: 'recovery',
      recovery: { signer: recovery.key.machine, recipient: recovery.recipient },
      envelope: await wrapping.wrap(plain, recovery.recipient),
    };
  });
}
