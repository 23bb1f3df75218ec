import { epochCommitment, createSpaceKeys } from '../crypto/space-keys.ts';
import { sealText } from './sealed-text.ts';
import { bytesToHex, ZERO_HASH, type CommitId, type RecordHash, type SpaceId } from '../ids.ts';
import { encodeControl, FORMAT } from '../log/control.ts';
import { sealRecord, type LogRecord } from '../log/record.ts';
import type { ReplicaDeps } from './deps.ts';
import { createRecoveryKey, genesisProof, RECOVERY_SECRET_BYTES } from './recovery-key.ts';
import { encodeSecrets } from './secrets.ts';

export interface NewSpace {
  readonly space: SpaceId;
  readonly genesis: LogRecord;
  /** 32 bytes: to be written down as 24 words. */
  readonly recoverySecret: Uint8Array;
}

/** Makes the genesis of a new space, owned by this machine. Writes nothing anywhere. Cost: two envelopes. */
export async function createSpace(
  deps: Pick<ReplicaDeps, 'random' | 'wrapping' | 'machine' | 'compression'>,
  mode: 'sealed' | 'open',
): Promise<NewSpace> {
  const { random, wrapping, machine } = deps;
  const secrets = { spaceKey: random.bytes(32), epochKeys: new Map([[1, random.bytes(32)]]) };
  const epochKey = secrets.epochKeys.get(1) as Uint8Array;
  const recoverySecret = random.bytes(RECOVERY_SECRET_BYTES);
  const recovery = await createRecoveryKey(recoverySecret, wrapping);
  const nonce = random.bytes(32);
  const plain = encodeSecrets(secrets);
  const payload = encodeControl({
    op: 'genesis',
    nonce,
    format: FORMAT,
    mode,
    features: [],
    owner: {
      machine: machine.key.machine,
      recipient: machine.recipient,
      role: 'owner',
      account: null,
      sealedName: await sealText(machine.name, ZERO_HASH as SpaceId, 1, createSpaceKeys(secrets), deps),
    },
    recovery: { signer: recovery.key.machine, recipient: recovery.recipient },
    epoch: {
      number: 1,
      commitment: epochCommitment(epochKey),
      envelopes: {
        [machine.key.machine]: await wrapping.wrap(plain, machine.recipient),
        recovery: await wrapping.wrap(encodeSecrets(secrets, genesisProof(recovery, nonce, machine.key.machine)), recovery.recipient),
      },
    },
  });
  const genesis = sealRecord(
    {
      type: 'control',
      space: ZERO_HASH as SpaceId,
      id: bytesToHex(random.bytes(16)) as CommitId,
      position: 0,
      previous: ZERO_HASH as RecordHash,
      term: 0,
      keyId: 1,
      objects: [],
      previousControl: null,
    },
    payload,
    machine.key,
  );
  return { space: genesis.hash as string as SpaceId, genesis, recoverySecret };
}
