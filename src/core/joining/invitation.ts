import { createCipheriv, createDecipheriv } from 'node:crypto';
import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readHexOrNull, readText } from '../canonical-fields.ts';
import { deriveKey, equalBytes, hmac, lengthPrefix, sha256, type Bytes } from '../crypto/hash.ts';
import { verifySignature, type SigningKey } from '../crypto/signing.ts';
import { bytesToHex, hexToBytes, type MachineId, type SpaceId } from '../ids.ts';
import { ROLES, type Role } from '../log/control.ts';
import { headFields, readHead } from '../log/head.ts';
import type { Head } from '../log/record.ts';
import type { Random } from '../ports/random.ts';
import { fail, type Result } from '../result.ts';

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
/** Of a machine's name, UTF-8. */
const NAME_BYTES = 512;

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
  return openLetter('offer', letter, [], keys, (value): Offer => {
    const [version, space, inviter, head, expires, inviterName, hubKey, tlsPin] = readFields(value, 8);
    if (version !== 1) throw new Malformed('unknown version');
    return {
      space: readHex(space) as SpaceId,
      inviter: readHex(inviter) as MachineId,
      head: readHead(head),
      expires: readCount(expires),
      inviterName: readText(inviterName, NAME_BYTES),
      hubKey: readHexOrNull(hubKey),
      tlsPin: readHexOrNull(tlsPin),
    };
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
  const parts = openLetter('request', letter, [offerLetter], keys, (value) => {
    const [body, signature] = readFields(value, 2);
    return { body: readBytes(body), signature: readBytes(signature) };
  });
  if (!parts.ok) return parts;
  const { body, signature } = parts.value;
  const request = parseCanonical('request', body, 16_384, (value): JoinRequest => {
    const [version, machine, recipient, name] = readFields(value, 4);
    if (version !== 1) throw new Malformed('unknown version');
    return { machine: readHex(machine) as MachineId, recipient: readText(recipient, 4096), name: readText(name, NAME_BYTES) };
  });
  if (!request.ok) return fail('the request is malformed');
  if (!verifySignature(request.value.machine, 'satchel/v1/join-request', sha256(offerLetter, body), signature))
    return fail('the request is not signed by the key that it names');
  return request;
}

export function sealAnswer(answer: JoinAnswer, offerLetter: Bytes, requestLetter: Bytes, keys: InvitationKeys, random: Random): Bytes {
  const body = answer.accepted
    ? encodeCanonical([1, true, answer.role, headFields(answer.head)])
    : encodeCanonical([1, false, answer.reason, null]);
  return sealLetter('answer', body, [offerLetter, requestLetter], keys, random);
}

export function openAnswer(letter: Bytes, offerLetter: Bytes, requestLetter: Bytes, keys: InvitationKeys): Result<JoinAnswer, string> {
  return openLetter('answer', letter, [offerLetter, requestLetter], keys, (value): JoinAnswer => {
    const [version, accepted, text, head] = readFields(value, 4);
    if (version !== 1 || typeof accepted !== 'boolean') throw new Malformed('unknown version');
    if (!accepted) return { accepted, reason: readText(text, 4096) };
    const role = ROLES.find((each) => each === text);
    if (role === undefined) throw new Malformed('unknown role');
    return { accepted, role, head: readHead(head) };
  });
}

function sealLetter(slot: string, body: Bytes, before: readonly Bytes[], keys: InvitationKeys, random: Random): Bytes {
  const salt = random.bytes(32);
  const cipher = createCipheriv('aes-256-gcm', deriveKey(keys.enc, `satchel/v1/letter/${slot}`, 32, salt), new Uint8Array(12));
  const sealed = Buffer.concat([salt, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([transcriptMac(slot, sealed, before, keys), sealed]);
}

function openLetter<T>(
  slot: string,
  letter: Bytes,
  before: readonly Bytes[],
  keys: InvitationKeys,
  parse: (value: Canonical) => T,
): Result<T, string> {
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
  const parsed = parseCanonical(slot, body, 64 * 1024, parse);
  return parsed.ok ? parsed : fail(`the ${slot} is malformed`);
}

function transcriptMac(slot: string, sealed: Bytes, before: readonly Bytes[], keys: InvitationKeys): Bytes {
  const parts = [...before, sealed].flatMap((letter) => [lengthPrefix(letter.length), letter]);
  return hmac(keys.mac, `satchel/v1/letter-mac/${slot}\0`, ...parts);
}

function hexOrNull(hex: string | null): Canonical {
  return hex === null ? null : hexToBytes(hex);
}
