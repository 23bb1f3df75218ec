import { decodeCanonical, encodeCanonical, type Canonical } from '../canonical.ts';
import { bytesToHex, hexToBytes, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';

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

const ROLES: readonly Role[] = ['reader', 'writer', 'owner'];

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
  const decoded = decodeCanonical(bytes, LIMITS.controlPayload);
  if (!decoded.ok) return fail(`control: ${decoded.error}`);
  if (!Array.isArray(decoded.value)) return fail('control: not a list');
  try {
    return ok(parseControl(decoded.value as Canonical[]));
  } catch (error) {
    if (error instanceof Malformed) return fail(`control: ${error.message}`);
    throw error;
  }
}

/** Ends the parse of a foreign payload; never leaves this file. */
class Malformed extends Error {}

function parseControl([op, ...f]: Canonical[]): ControlPayload {
  switch (op) {
    case 'genesis': {
      count(f, 7);
      const mode = f[2];
      if (mode !== 'sealed' && mode !== 'open') throw new Malformed('mode is neither sealed nor open');
      const owner = parseMember(f[4]);
      if (owner.role !== 'owner') throw new Malformed('the first member is no owner');
      return {
        op,
        nonce: bytes(f[0], 32),
        format: natural(f[1]),
        mode,
        features: words(f[3]),
        owner,
        recovery: parseRecovery(f[5]),
        epoch: parseEpoch(f[6]),
      };
    }
    case 'member':
      count(f, 2);
      return { op, member: parseMember(f[0]), envelope: bytes(f[1]) };
    case 'epoch':
      count(f, 2);
      return { op, removed: list(f[0], LIMITS.members).map((m) => hex(m) as MachineId), epoch: parseEpoch(f[1]) };
    case 'recovery':
      count(f, 2);
      return { op, recovery: parseRecovery(f[0]), envelope: bytes(f[1]) };
    case 'move':
      count(f, 4);
      return { op, term: natural(f[0]), position: natural(f[1]), head: hex(f[2]) as RecordHash, sealedRemote: bytes(f[3]) };
    case 'prune':
      count(f, 1);
      return { op, objects: list(f[0], 30_000).map((o) => hex(o) as ObjectId) };
    case 'erase':
      count(f, 3);
      return {
        op,
        objects: list(f[0], 10_000).map((o) => hex(o) as ObjectId),
        replaced: list(f[1], 10_000).map((pair) => {
          const [from, to] = list(pair, 2);
          return { from: hex(from) as ObjectId, to: hex(to) as ObjectId };
        }),
        sealedReason: bytes(f[2]),
      };
    case 'grant': {
      count(f, 2);
      if (typeof f[1] !== 'boolean') throw new Malformed('grant has no revoked flag');
      return { op, sealedSink: bytes(f[0]), revoked: f[1] };
    }
    case 'features':
      count(f, 1);
      return { op, features: words(f[0]) };
    default:
      throw new Malformed(`unknown operation ${typeof op === 'string' ? JSON.stringify(op.slice(0, 40)) : 'of no name'}`);
  }
}

function member(m: MemberEntry): Canonical {
  return [hexToBytes(m.machine), m.recipient, m.role, m.account === null ? null : hexToBytes(m.account), m.sealedName];
}

function parseMember(value: Canonical | undefined): MemberEntry {
  const f = list(value, 5);
  count(f, 5);
  const role = ROLES.find((r) => r === f[2]);
  if (role === undefined) throw new Malformed('unknown role');
  return {
    machine: hex(f[0]) as MachineId,
    recipient: text(f[1], 4096),
    role,
    account: f[3] === null ? null : (hex(f[3]) as SpaceId),
    sealedName: bytes(f[4]),
  };
}

function recovery(r: RecoveryEntry): Canonical {
  return [hexToBytes(r.signer), r.recipient];
}

function parseRecovery(value: Canonical | undefined): RecoveryEntry {
  const f = list(value, 2);
  count(f, 2);
  return { signer: hex(f[0]) as MachineId, recipient: text(f[1], 4096) };
}

function epoch(e: EpochEntry): Canonical {
  return [e.number, e.commitment, { ...e.envelopes }];
}

function parseEpoch(value: Canonical | undefined): EpochEntry {
  const f = list(value, 3);
  count(f, 3);
  const envelopes = f[2];
  if (envelopes === null || typeof envelopes !== 'object' || Array.isArray(envelopes) || envelopes instanceof Uint8Array)
    throw new Malformed('envelopes are no map');
  const entries = Object.entries(envelopes as { [key: string]: Canonical });
  if (entries.length > LIMITS.members + 1) throw new Malformed('too many envelopes');
  return {
    number: natural(f[0]),
    commitment: bytes(f[1], 32),
    envelopes: Object.fromEntries(entries.map(([holder, envelope]) => [holder, bytes(envelope)])),
  };
}

function count(fields: readonly Canonical[], expected: number): void {
  if (fields.length !== expected) throw new Malformed(`${fields.length} fields instead of ${expected}`);
}

function list(value: Canonical | undefined, most: number): Canonical[] {
  if (!Array.isArray(value)) throw new Malformed('a list is missing');
  if (value.length > most) throw new Malformed(`a list is longer than ${most}`);
  return value as Canonical[];
}

function bytes(value: Canonical | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Malformed('bytes are missing');
  if (length !== undefined && value.length !== length) throw new Malformed(`${value.length} bytes instead of ${length}`);
  return value;
}

function hex(value: Canonical | undefined): string {
  return bytesToHex(bytes(value, 32));
}

function natural(value: Canonical | undefined): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Malformed('a count is missing');
  return value as number;
}

function text(value: Canonical | undefined, most: number): string {
  if (typeof value !== 'string' || value.length > most) throw new Malformed('a text is missing or too long');
  return value;
}

function words(value: Canonical | undefined): string[] {
  return list(value, 64).map((word) => text(word, 64));
}
