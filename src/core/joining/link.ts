import { decodeCanonical, encodeCanonical, type Canonical } from '../canonical.ts';
import { bytesToHex, hexToBytes, type MachineId, type RecordHash, type SpaceId } from '../ids.ts';
import type { Head } from '../log/record.ts';
import { fail, ok, type Result } from '../result.ts';
import { SECRET_BYTES } from './invitation.ts';

/** Where a remote is, and what proves that it is the one meant. Holds no credential. */
export interface RemoteDescriptor {
  /** `http://…`, `https://…` or a folder's `file:///…`. */
  readonly address: string;
  /** A hub's Ed25519 key, hex. */
  readonly hubKey?: string;
  /** SHA-256 of the SPKI of the hub's own certificate, where it has one. */
  readonly tlsPin?: string;
}

/** A join link: everything in the fragment, which browsers and proxies do not send on. */
export interface JoinLink {
  readonly remote: RemoteDescriptor;
  readonly secret: Uint8Array;
  /** `hub`: an invitation to keep spaces at that hub; `space`: to join one. */
  readonly invites: 'space' | 'hub';
  readonly space: SpaceId | null;
  readonly inviter: MachineId | null;
  readonly head: Head | null;
}

const VERSION = 1;
const MARK = 'satchel1.';

/** `ADDRESS#satchel1.BASE64URL`. */
export function formatJoinLink(link: JoinLink): string {
  const bytes = encodeCanonical([
    VERSION,
    link.invites,
    link.secret,
    link.remote.hubKey === undefined ? null : hexToBytes(link.remote.hubKey),
    link.remote.tlsPin === undefined ? null : hexToBytes(link.remote.tlsPin),
    link.space === null ? null : hexToBytes(link.space),
    link.inviter === null ? null : hexToBytes(link.inviter),
    link.head === null ? null : [link.head.term, link.head.position, hexToBytes(link.head.hash)],
  ]);
  return `${link.remote.address}#${MARK}${Buffer.from(bytes).toString('base64url')}`;
}

/** Foreign text → link. The error says what is wrong without repeating the secret. */
export function parseJoinLink(text: string): Result<JoinLink, string> {
  const trimmed = text.trim();
  // A folder's path may hold a # itself.
  const cut = trimmed.lastIndexOf('#');
  if (cut < 0) return fail('this is no join link: the part after # is missing (was it cut off when it was copied?)');
  const [address, fragment] = [trimmed.slice(0, cut), trimmed.slice(cut + 1)];
  if (!fragment.startsWith(MARK)) return fail(`this is no join link: the part after # does not begin with ${MARK}`);
  if (!/^[A-Za-z0-9_-]+$/.test(fragment.slice(MARK.length)))
    return fail('the join link is damaged: it holds characters that do not belong there');
  const bytes = Buffer.from(fragment.slice(MARK.length), 'base64url');
  // Node reads over letters at the end that make no byte.
  const isWhole = bytes.toString('base64url') === fragment.slice(MARK.length);
  const decoded = decodeCanonical(bytes, 4096);
  if (!isWhole || !decoded.ok || !Array.isArray(decoded.value)) return fail('the join link is damaged or incomplete: copy all of it');
  const [version, invites, secret, hubKey, tlsPin, space, inviter, head] = decoded.value as Canonical[];
  if (version !== VERSION) return fail('the join link was made by a newer version of Satchel: update this machine first');
  if (invites !== 'space' && invites !== 'hub') return fail('the join link is damaged: copy all of it');
  if (!(secret instanceof Uint8Array) || secret.length !== SECRET_BYTES) return fail('the join link is damaged: copy all of it');
  if (![hubKey, tlsPin, space, inviter].every((key) => key === null || (key instanceof Uint8Array && key.length === 32))) {
    return fail('the join link is damaged: copy all of it');
  }
  const parsedHead = parseHead(head);
  if (invites === 'space' && (space === null || inviter === null || parsedHead === null))
    return fail('the join link is damaged: copy all of it');
  return ok({
    remote: { address, ...(hubKey === null ? {} : { hubKey: hexOf(hubKey) }), ...(tlsPin === null ? {} : { tlsPin: hexOf(tlsPin) }) },
    secret,
    invites,
    space: space === null ? null : (hexOf(space) as SpaceId),
    inviter: inviter === null ? null : (hexOf(inviter) as MachineId),
    head: parsedHead,
  });
}

function parseHead(value: Canonical | undefined): Head | null {
  if (!Array.isArray(value)) return null;
  const [term, position, hash] = value as Canonical[];
  if (!isCount(term, 0) || !isCount(position, -1) || !(hash instanceof Uint8Array) || hash.length !== 32) return null;
  return { term, position, hash: bytesToHex(hash) as RecordHash };
}

function hexOf(value: Canonical | undefined): string {
  return bytesToHex(value as Uint8Array);
}

function isCount(value: Canonical | undefined, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
