import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readList } from '../canonical-fields.ts';
import { openObject, sealChunk, type SealedObject } from '../crypto/object-cipher.ts';
import { createSpaceKeys, type SpaceKeys } from '../crypto/space-keys.ts';
import { verifySignature } from '../crypto/signing.ts';
import { hexToBytes, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import { decodeControl } from '../log/control.ts';
import { applyControl, isOwner, linkVoidControl, startMembership, type Membership } from '../log/membership.ts';
import { decodeRecord, hasValidSignature } from '../log/record.ts';
import { fail, ok, type Result } from '../result.ts';
import type { ReplicaDeps } from './deps.ts';
import { openSecrets } from './secrets.ts';
import { parsePage, StateDigest, statePages, type State, type StatePart } from './state-pages.ts';

/**
 * A checkpoint (docs/formats.md § Checkpoints): the state of a space at a position, so that a machine which joins
 * late need not replay the log first. A signed head names encrypted pages, which are objects like any other; the
 * control records up to the position lie beside it in the clear, as they do in the log, and prove who may sign it.
 */
export interface CheckpointHead {
  readonly space: SpaceId;
  readonly position: number;
  readonly hash: RecordHash;
  readonly term: number;
  readonly keyId: number;
  /** SHA-256 over the pages' plaintext in order: machines at one position have the same. */
  readonly digest: string;
  readonly pages: readonly ObjectId[];
  readonly signer: MachineId;
  /** The newest control record up to the position: it binds all that lie beside the head. */
  readonly lastControl: RecordHash;
}

const SIGNATURE_TAG = 'satchel/v1/checkpoint';
const VERSION = 1;
/** More do not fit the bytes of a checkpoint. */
const [MOST_CONTROLS, MOST_PAGES] = [1_000_000, 1_000_000];
export const CHECKPOINT_BYTES = 64 * 1024 * 1024;

/** Seals pages and head. `controls` are the encoded control records up to the position. Memory: the sealed pages. */
export async function sealCheckpoint(
  at: {
    readonly space: SpaceId;
    readonly position: number;
    readonly hash: RecordHash;
    readonly term: number;
    readonly keyId: number;
    readonly lastControl: RecordHash;
  },
  state: State,
  controls: readonly Uint8Array[],
  keys: SpaceKeys,
  deps: Pick<ReplicaDeps, 'machine' | 'compression'>,
): Promise<{ readonly bytes: Uint8Array; readonly objects: readonly SealedObject[] }> {
  const digest = new StateDigest();
  const objects: SealedObject[] = [];
  for await (const page of statePages(state)) {
    digest.add(page);
    objects.push(await sealChunk(page, at.space, at.keyId, keys, deps.compression));
  }
  const head = encodeCanonical([
    VERSION,
    hexToBytes(at.space),
    at.position,
    hexToBytes(at.hash),
    at.term,
    at.keyId,
    hexToBytes(digest.hex),
    objects.map((object) => hexToBytes(object.id)),
    hexToBytes(deps.machine.key.machine),
    hexToBytes(at.lastControl),
  ]);
  return { bytes: encodeCanonical([VERSION, head, deps.machine.key.sign(SIGNATURE_TAG, head), controls]), objects };
}

export interface OpenedCheckpoint {
  readonly head: CheckpointHead;
  readonly membership: Membership;
  readonly controls: readonly Uint8Array[];
  /** Those of the control records that are void. */
  readonly voids: readonly VoidControl[];
}

export interface VoidControl {
  readonly position: number;
  readonly reason: string;
  readonly signer: MachineId;
}

/**
 * Foreign bytes → a checkpoint that may be believed: its control records lead from the genesis `space` to an owner,
 * who signed it. Never throws on foreign bytes. Cost: a signature a control record.
 */
export function openCheckpoint(bytes: Uint8Array, space: SpaceId): Result<OpenedCheckpoint, string> {
  const parts = parseCanonical('checkpoint', bytes, CHECKPOINT_BYTES, (value) => {
    const [version, head, signature, controls] = readFields(value, 4);
    if (version !== VERSION) throw new Malformed('unknown version');
    return {
      headBytes: readBytes(head),
      signature: readBytes(signature),
      records: readList(controls, MOST_CONTROLS).map((c) => readBytes(c)),
    };
  });
  if (!parts.ok) return fail('the checkpoint is malformed');
  const { headBytes, signature, records } = parts.value;
  const parsed = parseCanonical('checkpoint', headBytes, CHECKPOINT_BYTES, parseHead);
  if (!parsed.ok) return fail('the checkpoint is malformed');
  const head = parsed.value;
  if (head.space !== space) return fail('the checkpoint is of another space');
  const folded = foldControls(records, space, head.position);
  if (!folded.ok) return folded;
  const { membership, voids } = folded.value;
  if (membership.lastControl !== head.lastControl) return fail('the control records are not those that the checkpoint was made with');
  if (!isOwner(membership, head.signer)) return fail('the checkpoint is signed by no owner');
  if (!verifySignature(head.signer, SIGNATURE_TAG, headBytes, signature)) return fail('the signature of the checkpoint is wrong');
  return ok({ head, membership, controls: records, voids });
}

/** Control records prove themselves: each names the one before it, and one that does not is void. */
function foldControls(
  records: readonly Uint8Array[],
  space: SpaceId,
  position: number,
): Result<{ readonly membership: Membership; readonly voids: readonly VoidControl[] }, string> {
  let membership: Membership | null = null;
  const voids: VoidControl[] = [];
  for (const bytes of records) {
    const record = decodeRecord(bytes);
    if (!record.ok || record.value.header.type !== 'control') return fail('a control record of the checkpoint is malformed');
    const { header, hash } = record.value;
    const payload = decodeControl(record.value.body);
    const isSigned = hasValidSignature(record.value);
    if (membership === null) {
      if ((hash as string) !== space || !payload.ok || !isSigned)
        return fail('the checkpoint does not begin with the genesis of the space');
      const started = startMembership(record.value, payload.value);
      if (!started.ok) return started;
      membership = started.value;
      continue;
    }
    if (header.position > position || header.position <= membership.lastControlPosition) {
      return fail('the control records of the checkpoint are not in one chain');
    }
    const read = isSigned ? payload : fail('its signature is wrong');
    const applied: Result<Membership, string> = read.ok ? applyControl(membership, record.value, read.value) : read;
    if (!applied.ok) voids.push({ position: header.position, reason: applied.error, signer: header.signer });
    membership = applied.ok ? applied.value : linkVoidControl(membership, record.value);
  }
  return membership === null ? fail('the checkpoint holds no control records') : ok({ membership, voids });
}

/**
 * Opens the pages with this machine's own keys and gives them to `take` one after the other, of which nothing may stay where an
 * error comes back: it says why the checkpoint is not used. The digest of all of them is compared last. Memory: one page.
 */
export async function openPages(
  opened: OpenedCheckpoint,
  objects: ReadonlyMap<ObjectId, Uint8Array>,
  deps: ReplicaDeps,
  take: (part: StatePart) => Promise<void>,
): Promise<Result<null, string>> {
  const { head, membership } = opened;
  const secrets = await openSecrets(membership, deps.machine.key.machine, deps.machine.identity, deps.wrapping);
  if (secrets === null) return fail('this machine was not a member yet when the checkpoint was made');
  const keys = createSpaceKeys(secrets);
  const digest = new StateDigest();
  for (const id of head.pages) {
    const bytes = objects.get(id);
    if (bytes === undefined) return fail('a page of the checkpoint is missing');
    const page = await openObject({ id, bytes }, head.space, keys, deps.compression);
    if (!page.ok) return fail('a page of the checkpoint does not open');
    const part = parsePage(page.value);
    if (!part.ok) return part;
    digest.add(page.value);
    await take(part.value);
  }
  return digest.hex === head.digest ? ok(null) : fail('the pages do not match the digest of the checkpoint');
}

function parseHead(value: Canonical): CheckpointHead {
  const [version, space, position, hash, term, keyId, digest, pages, signer, lastControl] = readFields(value, 10);
  if (version !== VERSION) throw new Malformed('unknown version');
  return {
    space: readHex(space) as SpaceId,
    position: readCount(position),
    hash: readHex(hash) as RecordHash,
    term: readCount(term),
    keyId: readCount(keyId),
    digest: readHex(digest),
    pages: readList(pages, MOST_PAGES).map((id) => readHex(id) as ObjectId),
    signer: readHex(signer) as MachineId,
    lastControl: readHex(lastControl) as RecordHash,
  };
}
