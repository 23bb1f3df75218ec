import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readFields, readHexOrNull, readList } from '../canonical-fields.ts';
import { hexToBytes, type MachineId, type SpaceId } from '../ids.ts';
import { headFields, readHead } from '../log/head.ts';
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
    link.head === null ? null : headFields(link.head),
  ]);
  return `${link.remote.address}#${MARK}${Buffer.from(bytes).toString('base64url')}`;
}

/** Foreign text → link. The error says what is wrong without repeating the secret. */
export function parseJoinLink(text: string): Result<JoinLink, string> {
  const trimmed = withoutWrapping(text);
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
  const parsed = parseCanonical('link', bytes, 4096, (value) => parseFields(value, address));
  return isWhole && parsed.ok ? parsed.value : fail('the join link is damaged or incomplete: copy all of it');
}

/** Quotes around it, or a sentence's end behind it, that came along when it was copied: no link begins or ends so. */
function withoutWrapping(text: string): string {
  return text
    .trim()
    .replace(/^['"`‘’“”<(]+/, '')
    .replace(/(#satchel1\.[\w-]+)['"`‘’“”>).,;]+$/, '$1');
}

function parseFields(value: Canonical, address: string): Result<JoinLink, string> {
  if (readList(value, 64)[0] !== VERSION) return fail('the join link was made by a newer version of Satchel: update this machine first');
  const [, invites, secret, hubKey, tlsPin, space, inviter, head] = readFields(value, 8);
  if (invites !== 'space' && invites !== 'hub') throw new Malformed('unknown kind of invitation');
  const [key, pin] = [readHexOrNull(hubKey), readHexOrNull(tlsPin)];
  const link: JoinLink = {
    remote: { address, ...(key === null ? {} : { hubKey: key }), ...(pin === null ? {} : { tlsPin: pin }) },
    secret: readBytes(secret, SECRET_BYTES),
    invites,
    space: readHexOrNull(space) as SpaceId | null,
    inviter: readHexOrNull(inviter) as MachineId | null,
    head: head === null ? null : readHead(head),
  };
  if (invites === 'space' && (link.space === null || link.inviter === null || link.head === null))
    throw new Malformed('a field is missing');
  return ok(link);
}
