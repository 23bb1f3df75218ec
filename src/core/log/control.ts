import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readList, readMap, readText } from '../canonical-fields.ts';
import { hexToBytes, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Result } from '../result.ts';

/**
 * The payloads of control records: clear text without names, so that a remote can tell who may read and append
 * without reading anything else (docs/formats.md § Control records).
 */
export type Role = 'reader' | 'writer' | 'owner';

export interface MemberEntry {
  readonly machine: MachineId;
  /** Public half of the machine's wrapping identity. */
  readonly recipient: string;
  readonly role: Role;
  /** The personal space of the person whose machine it is; `null`: the account is this space itself. */
  readonly account: SpaceId | null;
  /** The machine's name, encrypted under the epoch's key. */
  readonly sealedName: Uint8Array;
}

/** An epoch's key, shown by a commitment and wrapped for each member (by machine id) and for `recovery`. */
export interface EpochEntry {
  readonly number: number;
  readonly commitment: Uint8Array;
  readonly envelopes: { readonly [holder: string]: Uint8Array };
}

export interface RecoveryEntry {
  /** The recovery key's signing half: an owner. */
  readonly signer: MachineId;
  readonly recipient: string;
}

export type ControlPayload =
  | {
      readonly op: 'genesis';
      readonly nonce: Uint8Array;
      readonly format: number;
      readonly mode: 'sealed' | 'open';
      readonly features: readonly string[];
      readonly owner: MemberEntry;
      readonly recovery: RecoveryEntry;
      readonly epoch: EpochEntry;
    }
  /** Adds a machine, or changes its role. `envelope` hands it the space's secrets; empty for a mere change of role. */
  | { readonly op: 'member'; readonly member: MemberEntry; readonly envelope: Uint8Array }
  /** Removes machines and begins a new epoch, in one step: a removal without new keys protects nothing. */
  | { readonly op: 'epoch'; readonly removed: readonly MachineId[]; readonly epoch: EpochEntry }
  /** Replaces the recovery key. `envelope` hands it the secrets of the current epoch. */
  | { readonly op: 'recovery'; readonly recovery: RecoveryEntry; readonly envelope: Uint8Array }
  /** The home remote moves: the log continues in term `term` behind (position, head), kept at `sealedRemote`. */
  | { readonly op: 'move'; readonly term: number; readonly position: number; readonly head: RecordHash; readonly sealedRemote: Uint8Array }
  /** These objects hold only superseded bodies and may be dropped everywhere. */
  | { readonly op: 'prune'; readonly objects: readonly ObjectId[] }
  /**
   * These objects must be dropped everywhere: `forget`. A bundle that also holds other bodies is replaced by
   * another of the same layout in which the erased ranges are zeros.
   */
  | {
      readonly op: 'erase';
      readonly objects: readonly ObjectId[];
      readonly replaced: readonly { readonly from: ObjectId; readonly to: ObjectId }[];
      readonly sealedReason: Uint8Array;
    }
  /** Sealed content may go to a plaintext sink, named in the sealed text. */
  | { readonly op: 'grant'; readonly sealedSink: Uint8Array; readonly revoked: boolean }
  /** From here on readers need these features. Features are only added. */
  | { readonly op: 'features'; readonly features: readonly string[] };

export const FORMAT = 1;
/** Features of the format that this program reads and writes. */
export const KNOWN_FEATURES: readonly string[] = [];

export const ROLES: readonly Role[] = ['reader', 'writer', 'owner'];

export function encodeControl(payload: ControlPayload): Uint8Array {
  switch (payload.op) {
    case 'genesis':
      return encodeCanonical([
        'genesis',
        payload.nonce,
        payload.format,
        payload.mode,
        payload.features,
        member(payload.owner),
        recovery(payload.recovery),
        epoch(payload.epoch),
      ]);
    case 'member':
      return encodeCanonical(['member', member(payload.member), payload.envelope]);
    case 'epoch':
      return encodeCanonical(['epoch', payload.removed.map(hexToBytes), epoch(payload.epoch)]);
    case 'recovery':
      return encodeCanonical(['recovery', recovery(payload.recovery), payload.envelope]);
    case 'move':
      return encodeCanonical(['move', payload.term, payload.position, hexToBytes(payload.head), payload.sealedRemote]);
    case 'prune':
      return encodeCanonical(['prune', payload.objects.map(hexToBytes)]);
    case 'erase':
      return encodeCanonical([
        'erase',
        payload.objects.map(hexToBytes),
        payload.replaced.map((r) => [hexToBytes(r.from), hexToBytes(r.to)]),
        payload.sealedReason,
      ]);
    case 'grant':
      return encodeCanonical(['grant', payload.sealedSink, payload.revoked]);
    case 'features':
      return encodeCanonical(['features', payload.features]);
  }
}

/** Foreign bytes → payload. Never throws; an unknown operation is an error that names it. */
export function decodeControl(bytes: Uint8Array): Result<ControlPayload, string> {
  return parseCanonical('control', bytes, LIMITS.controlPayload, (value) => parseControl(readList(value, 8)));
}

function parseControl([op, ...f]: readonly Canonical[]): ControlPayload {
  switch (op) {
    case 'genesis': {
      readFields(f, 7);
      const mode = f[2];
      if (mode !== 'sealed' && mode !== 'open') throw new Malformed('mode is neither sealed nor open');
      const owner = parseMember(f[4]);
      if (owner.role !== 'owner') throw new Malformed('the first member is no owner');
      return {
        op,
        nonce: readBytes(f[0], 32),
        format: readCount(f[1]),
        mode,
        features: readWords(f[3]),
        owner,
        recovery: parseRecovery(f[5]),
        epoch: parseEpoch(f[6]),
      };
    }
    case 'member':
      readFields(f, 2);
      return { op, member: parseMember(f[0]), envelope: readBytes(f[1]) };
    case 'epoch':
      readFields(f, 2);
      return { op, removed: readList(f[0], LIMITS.members).map((m) => readHex(m) as MachineId), epoch: parseEpoch(f[1]) };
    case 'recovery':
      readFields(f, 2);
      return { op, recovery: parseRecovery(f[0]), envelope: readBytes(f[1]) };
    case 'move':
      readFields(f, 4);
      return { op, term: readCount(f[0]), position: readCount(f[1]), head: readHex(f[2]) as RecordHash, sealedRemote: readBytes(f[3]) };
    case 'prune':
      readFields(f, 1);
      return { op, objects: readList(f[0], 30_000).map((o) => readHex(o) as ObjectId) };
    case 'erase':
      readFields(f, 3);
      return {
        op,
        objects: readList(f[0], 10_000).map((o) => readHex(o) as ObjectId),
        replaced: readList(f[1], 10_000).map((pair) => {
          const [from, to] = readFields(pair, 2);
          return { from: readHex(from) as ObjectId, to: readHex(to) as ObjectId };
        }),
        sealedReason: readBytes(f[2]),
      };
    case 'grant': {
      readFields(f, 2);
      if (typeof f[1] !== 'boolean') throw new Malformed('grant has no revoked flag');
      return { op, sealedSink: readBytes(f[0]), revoked: f[1] };
    }
    case 'features':
      readFields(f, 1);
      return { op, features: readWords(f[0]) };
    default:
      throw new Malformed(`unknown operation ${typeof op === 'string' ? JSON.stringify(op.slice(0, 40)) : 'of no name'}`);
  }
}

function member(m: MemberEntry): Canonical {
  return [hexToBytes(m.machine), m.recipient, m.role, m.account === null ? null : hexToBytes(m.account), m.sealedName];
}

function parseMember(value: Canonical | undefined): MemberEntry {
  const f = readFields(value, 5);
  const role = ROLES.find((r) => r === f[2]);
  if (role === undefined) throw new Malformed('unknown role');
  return {
    machine: readHex(f[0]) as MachineId,
    recipient: readText(f[1], 4096),
    role,
    account: f[3] === null ? null : (readHex(f[3]) as SpaceId),
    sealedName: readBytes(f[4]),
  };
}

function recovery(r: RecoveryEntry): Canonical {
  return [hexToBytes(r.signer), r.recipient];
}

function parseRecovery(value: Canonical | undefined): RecoveryEntry {
  const f = readFields(value, 2);
  return { signer: readHex(f[0]) as MachineId, recipient: readText(f[1], 4096) };
}

function epoch(e: EpochEntry): Canonical {
  return [e.number, e.commitment, { ...e.envelopes }];
}

function parseEpoch(value: Canonical | undefined): EpochEntry {
  const f = readFields(value, 3);
  const entries = Object.entries(readMap(f[2], 'envelopes'));
  if (entries.length > LIMITS.members + 1) throw new Malformed('too many envelopes');
  return {
    number: readCount(f[0]),
    commitment: readBytes(f[1], 32),
    envelopes: Object.fromEntries(entries.map(([holder, envelope]) => [holder, readBytes(envelope)])),
  };
}

function readWords(value: Canonical | undefined): string[] {
  return readList(value, 64).map((word) => readText(word, 64));
}
