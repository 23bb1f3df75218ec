import { createSigningKey } from '../crypto/signing.ts';
import { epochCommitment, createSpaceKeys } from '../crypto/space-keys.ts';
import { sealText } from './sealed-text.ts';
import { bytesToHex, ZERO_HASH, type CommitId, type RecordHash, type SpaceId } from '../ids.ts';
import { encodeControl, FORMAT } from '../log/control.ts';
import { sealRecord, type LogRecord } from '../log/record.ts';
import type { ReplicaDeps } from './deps.ts';
import { encodeSecrets } from './secrets.ts';

/** The recovery key as it is kept until it was shown once: a signing seed and a wrapping identity. */
export interface RecoveryKey {
  readonly seed: Uint8Array;
  readonly identity: string;
}

export interface NewSpace {
  readonly space: SpaceId;
  readonly genesis: LogRecord;
  readonly recovery: RecoveryKey;
}

/** Makes the genesis of a new space, owned by this machine. Writes nothing anywhere. Cost: two envelopes. */
export async function createSpace(
  deps: Pick<ReplicaDeps, 'random' | 'wrapping' | 'machine' | 'compression'>,
  mode: 'sealed' | 'open',
): Promise<NewSpace> {
  const { random, wrapping, machine } = deps;
  const secrets = { spaceKey: random.bytes(32), epochKeys: new Map([[1, random.bytes(32)]]) };
  const epochKey = secrets.epochKeys.get(1) as Uint8Array;
  const recoveryIdentity = await wrapping.generate();
  const seed = random.bytes(32);
  const plain = encodeSecrets(secrets);
  const payload = encodeControl({
    op: 'genesis',
    nonce: random.bytes(32),
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
    recovery: { signer: createSigningKey(seed).machine, recipient: recoveryIdentity.recipient },
    epoch: {
      number: 1,
      commitment: epochCommitment(epochKey),
      envelopes: {
        [machine.key.machine]: await wrapping.wrap(plain, machine.recipient),
        recovery: await wrapping.wrap(plain, recoveryIdentity.recipient),
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
  return { space: genesis.hash as string as SpaceId, genesis, recovery: { seed, identity: recoveryIdentity.identity } };
}
