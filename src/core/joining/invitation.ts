import { createCipheriv, createDecipheriv } from 'node:crypto';
import { decodeCanonical, encodeCanonical, type Canonical } from '../canonical.ts';
import { deriveKey, equalBytes, hmac, lengthPrefix, sha256, type Bytes } from '../crypto/hash.ts';
import { verifySignature, type SigningKey } from '../crypto/signing.ts';
import { bytesToHex, hexToBytes, type MachineId, type RecordHash, type SpaceId } from '../ids.ts';
import type { Role } from '../log/control.ts';
import type { Head } from '../log/record.ts';
import type { Random } from '../ports/random.ts';
import { fail, ok, type Result } from '../result.ts';

/**
 * Joining (TRUST.md § Joining, docs/formats.md § Joining). A 128-bit secret passes from the inviter to the joiner
 * outside Satchel, in a link or as twelve words. The two exchange three letters through a mailbox whose id is
 * derived from it. Each letter is encrypted and carries an HMAC over the whole exchange before it, so the remote that
 * holds the mailbox can neither read, alter nor answer; at worst it drops letters.
 *
 *   offer    inviter → joiner   which space, whose key, which head
 *   request  joiner → inviter   the joiner's keys, signed with them
 *   answer   inviter → joiner   accepted at which head, or why not
 */
export const SECRET_BYTES = 16;

export interface InvitationKeys {
  /** 64 hex characters; knowing it allows to post letters, and nothing more. */
  readonly mailbox: string;
  readonly mac: Bytes;
  readonly enc: Bytes;
}

export function invitationKeys(secret: Bytes): InvitationKeys {
  if (secret.length !== SECRET_BYTES) throw new RangeError(`an invitation's secret has ${SECRET_BYTES} bytes`);
  return {
    mailbox: bytesToHex(deriveKey(secret, 'satchel/v1/join-mailbox')),
    mac: deriveKey(secret, 'satchel/v1/join-mac'),
    enc: deriveKey(secret, 'satchel/v1/join-enc'),
  };
}

export interface Offer {
  readonly space: SpaceId;
  readonly inviter: MachineId;
  readonly head: Head;
  /** Milliseconds since 1970 by the inviter's clock; only the inviter acts on it. */
  readonly expires: number;
  /** What to call the inviter when asking the person at the joining machine. */
  readonly inviterName: string;
  /** What proves the remote: who joins by words has only its address. */
  readonly hubKey: string | null;
  readonly tlsPin: string | null;
}

export interface JoinRequest {
  readonly machine: MachineId;
  readonly recipient: string;
  readonly name: string;
}

export type JoinAnswer =
  | { readonly accepted: true; readonly role: Role; readonly head: Head }
  | { readonly accepted: false; readonly reason: string };

export const OFFER_SLOT = 'offer';
export const ANSWER_SLOT = 'answer';
/** A wrong request burns one slot; after three the invitation is void. */
export const REQUEST_SLOTS = ['request-1', 'request-2', 'request-3'] as const;

/** Letters that authenticate each other: the transcript so far goes into the HMAC. */
export function sealOffer(offer: Offer, keys: InvitationKeys, random: Random): Bytes {
  return sealLetter(
    'offer',
    encodeCanonical([
      1,
      hexToBytes(offer.space),
      hexToBytes(offer.inviter),
      headFields(offer.head),
      offer.expires,
      offer.inviterName,
      hexOrNull(offer.hubKey),
      hexOrNull(offer.tlsPin),
    ]),
    [],
    keys,
    random,
  );
}

export function openOffer(letter: Bytes, keys: InvitationKeys): Result<Offer, string> {
  const fields = openLetter('offer', letter, [], keys);
  if (!fields.ok) return fields;
  const [version, space, inviter, head, expires, inviterName, hubKey, tlsPin] = fields.value;
  const parsedHead = parseHead(head);
  if (
    version !== 1 ||
    !isKey(space) ||
    !isKey(inviter) ||
    parsedHead === null ||
    !isCount(expires, 0) ||
    typeof inviterName !== 'string' ||
    inviterName.length > 128
  ) {
    return fail('the offer is malformed');
  }
  return ok({
    space: bytesToHex(space) as SpaceId,
    inviter: bytesToHex(inviter) as MachineId,
    head: parsedHead,
    expires,
    inviterName,
    hubKey: keyOrNull(hubKey),
    tlsPin: keyOrNull(tlsPin),
  });
}

/** The joiner signs the exchange with the key that it asks to be listed under. */
export function sealRequest(
  request: Omit<JoinRequest, 'machine'>,
  key: SigningKey,
  offerLetter: Bytes,
  keys: InvitationKeys,
  random: Random,
): Bytes {
  const body = encodeCanonical([1, hexToBytes(key.machine), request.recipient, request.name]);
  const signature = key.sign('satchel/v1/join-request', sha256(offerLetter, body));
  return sealLetter('request', encodeCanonical([body, signature]), [offerLetter], keys, random);
}

export function openRequest(letter: Bytes, offerLetter: Bytes, keys: InvitationKeys): Result<JoinRequest, string> {
  const fields = openLetter('request', letter, [offerLetter], keys);
  if (!fields.ok) return fields;
  const [body, signature] = fields.value;
  if (!(body instanceof Uint8Array) || !(signature instanceof Uint8Array)) return fail('the request is malformed');
  const decoded = decodeCanonical(body, 16_384);
  if (!decoded.ok || !Array.isArray(decoded.value)) return fail('the request is malformed');
  const [version, machine, recipient, name] = decoded.value as Canonical[];
  if (version !== 1 || !isKey(machine) || typeof recipient !== 'string' || typeof name !== 'string' || name.length > 128)
    return fail('the request is malformed');
  const id = bytesToHex(machine) as MachineId;
  if (!verifySignature(id, 'satchel/v1/join-request', sha256(offerLetter, body), signature))
    return fail('the request is not signed by the key that it names');
  return ok({ machine: id, recipient, name });
}

export function sealAnswer(answer: JoinAnswer, offerLetter: Bytes, requestLetter: Bytes, keys: InvitationKeys, random: Random): Bytes {
  const body = answer.accepted
    ? encodeCanonical([1, true, answer.role, headFields(answer.head)])
    : encodeCanonical([1, false, answer.reason, null]);
  return sealLetter('answer', body, [offerLetter, requestLetter], keys, random);
}

export function openAnswer(letter: Bytes, offerLetter: Bytes, requestLetter: Bytes, keys: InvitationKeys): Result<JoinAnswer, string> {
  const fields = openLetter('answer', letter, [offerLetter, requestLetter], keys);
  if (!fields.ok) return fields;
  const [version, accepted, text, head] = fields.value;
  if (version !== 1 || typeof text !== 'string') return fail('the answer is malformed');
  if (accepted === false) return ok({ accepted, reason: text });
  const parsedHead = parseHead(head);
  if (parsedHead === null || (text !== 'owner' && text !== 'writer' && text !== 'reader')) return fail('the answer is malformed');
  return ok({ accepted: true, role: text, head: parsedHead });
}

function sealLetter(slot: string, body: Bytes, before: readonly Bytes[], keys: InvitationKeys, random: Random): Bytes {
  const salt = random.bytes(32);
  const cipher = createCipheriv('aes-256-gcm', deriveKey(keys.enc, `satchel/v1/letter/${slot}`, 32, salt), new Uint8Array(12));
  const sealed = Buffer.concat([salt, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([transcriptMac(slot, sealed, before, keys), sealed]);
}

function openLetter(slot: string, letter: Bytes, before: readonly Bytes[], keys: InvitationKeys): Result<Canonical[], string> {
  const wrong = fail(`the ${slot} does not fit this invitation`);
  if (letter.length < 32 + 32 + 16 || letter.length > 64 * 1024) return wrong;
  const sealed = letter.subarray(32);
  if (!equalBytes(letter.subarray(0, 32), transcriptMac(slot, sealed, before, keys))) return wrong;
  const decipher = createDecipheriv(
    'aes-256-gcm',
    deriveKey(keys.enc, `satchel/v1/letter/${slot}`, 32, sealed.subarray(0, 32)),
    new Uint8Array(12),
  );
  decipher.setAuthTag(sealed.subarray(sealed.length - 16));
  const body = decipher.update(sealed.subarray(32, sealed.length - 16));
  try {
    decipher.final();
  } catch {
    return wrong;
  }
  const decoded = decodeCanonical(body, 64 * 1024);
  return decoded.ok && Array.isArray(decoded.value) ? ok(decoded.value as Canonical[]) : fail(`the ${slot} is malformed`);
}

function transcriptMac(slot: string, sealed: Bytes, before: readonly Bytes[], keys: InvitationKeys): Bytes {
  const parts = [...before, sealed].flatMap((letter) => [lengthPrefix(letter.length), letter]);
  return hmac(keys.mac, `satchel/v1/letter-mac/${slot}\0`, ...parts);
}

function hexOrNull(hex: string | null): Canonical {
  return hex === null ? null : hexToBytes(hex);
}

function keyOrNull(value: Canonical | undefined): string | null {
  return isKey(value) ? bytesToHex(value) : null;
}

function headFields(head: Head): Canonical {
  return [head.term, head.position, hexToBytes(head.hash)];
}

function parseHead(value: Canonical | undefined): Head | null {
  if (!Array.isArray(value)) return null;
  const [term, position, hash] = value as Canonical[];
  if (!isCount(term, 0) || !isCount(position, -1) || !isKey(hash)) return null;
  return { term, position, hash: bytesToHex(hash) as RecordHash };
}

function isKey(value: Canonical | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}

function isCount(value: Canonical | undefined, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
