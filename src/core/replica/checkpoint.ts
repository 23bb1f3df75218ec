import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readHexOrNull, readList } from '../canonical-fields.ts';
import { openObject, sealChunk, type SealedObject } from '../crypto/object-cipher.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { createSpaceKeys, type SpaceKeys } from '../crypto/space-keys.ts';
import { verifySignature } from '../crypto/signing.ts';
import {
  bytesToHex,
  hexToBytes,
  type CommitKey,
  type MachineId,
  type ObjectId,
  type RecordHash,
  type Revision,
  type SpaceId,
} from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { decodeContent, encodeContent, readItem } from '../log/commit-codec.ts';
import { decodeControl } from '../log/control.ts';
import { applyControl, isOwner, linkVoidControl, startMembership, type Membership } from '../log/membership.ts';
import { decodeRecord, hasValidSignature } from '../log/record.ts';
import type { ItemState, Sibling, StoreTransaction } from '../ports/store.ts';
import { fail, ok, type Result } from '../result.ts';
import type { ReplicaDeps } from './deps.ts';
import { openSecrets } from './secrets.ts';

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

export interface State {
  readonly items: readonly ItemState[];
  readonly siblings: readonly Sibling[];
  /** What valid records up to the position landed, carried commits included. */
  readonly used: readonly CommitKey[];
}

const SIGNATURE_TAG = 'satchel/v1/checkpoint';
const VERSION = 1;
const ITEMS_PER_PAGE = 2_000;
const COMMITS_PER_PAGE = 32_768;
const KEY_BYTES = 48;
/** More do not fit the bytes of a checkpoint. */
const [MOST_CONTROLS, MOST_PAGES] = [1_000_000, 1_000_000];
export const CHECKPOINT_BYTES = 64 * 1024 * 1024;

/** The pages of a state, in their one order. Cost: O(state). */
export function statePages(state: State): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (const part of slices(state.items, ITEMS_PER_PAGE)) pages.push(encodeCanonical(['items', part.map(itemFields)]));
  for (const part of slices(state.siblings, ITEMS_PER_PAGE)) pages.push(encodeCanonical(['siblings', part.map(siblingFields)]));
  const used = [...state.used].sort();
  for (const part of slices(used, COMMITS_PER_PAGE)) pages.push(encodeCanonical(['used', hexToBytes(part.join(''))]));
  return pages;
}

export function stateDigest(pages: readonly Uint8Array[]): string {
  return sha256Hex('satchel/v1/state\0', ...pages.map((page) => hexToBytes(sha256Hex(page))));
}

/** What the log made of the space, read in one transaction. O(items). */
export async function readState(tx: StoreTransaction, space: SpaceId, used: readonly CommitKey[]): Promise<State> {
  const items: ItemState[] = [];
  for (;;) {
    const last = items.at(-1)?.item;
    const page = await tx.items.list(space, { limit: 1_000, deleted: true, ...(last === undefined ? {} : { after: last }) });
    items.push(...page);
    if (page.length < 1_000) break;
  }
  const siblings = [...(await tx.items.siblings(space))].sort((a, b) => (a.sibling < b.sibling ? -1 : 1));
  return { items, siblings, used };
}

/** Seals pages and head. `controls` are the encoded control records up to the position. */
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
  const pages = statePages(state);
  const objects = await Promise.all(pages.map((page) => sealChunk(page, at.space, at.keyId, keys, deps.compression)));
  const head = encodeCanonical([
    VERSION,
    hexToBytes(at.space),
    at.position,
    hexToBytes(at.hash),
    at.term,
    at.keyId,
    hexToBytes(stateDigest(pages)),
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

/** Opens the pages with this machine's own keys, and checks them against the head. Errors say why it is not used. */
export async function openPages(
  opened: OpenedCheckpoint,
  objects: ReadonlyMap<ObjectId, Uint8Array>,
  deps: ReplicaDeps,
): Promise<Result<State, string>> {
  const { head, membership } = opened;
  const secrets = await openSecrets(membership, deps.machine.key.machine, deps.machine.identity, deps.wrapping);
  if (secrets === null) return fail('this machine was not a member yet when the checkpoint was made');
  const keys = createSpaceKeys(secrets);
  const pages: Uint8Array[] = [];
  for (const id of head.pages) {
    const bytes = objects.get(id);
    if (bytes === undefined) return fail('a page of the checkpoint is missing');
    const page = await openObject({ id, bytes }, head.space, keys, deps.compression);
    if (!page.ok) return fail('a page of the checkpoint does not open');
    pages.push(page.value);
  }
  if (stateDigest(pages) !== head.digest) return fail('the pages do not match the digest of the checkpoint');
  return parsePages(pages);
}

function parsePages(pages: readonly Uint8Array[]): Result<State, string> {
  const state = { items: [] as ItemState[], siblings: [] as Sibling[], used: [] as CommitKey[] };
  for (const page of pages) {
    const parsed = parseCanonical('a page of the checkpoint is malformed', page, LIMITS.objectExpanded, (value) => {
      const [type, entries] = readFields(value, 2);
      if (type === 'items') for (const entry of readList(entries, ITEMS_PER_PAGE)) state.items.push(parseItemState(entry));
      else if (type === 'siblings') for (const entry of readList(entries, ITEMS_PER_PAGE)) state.siblings.push(parseSibling(entry));
      else if (type === 'used') state.used.push(...parseKeys(readBytes(entries)));
      else throw new Malformed('unknown type');
    });
    if (!parsed.ok) return parsed;
  }
  return ok(state);
}

function parseKeys(bytes: Uint8Array): CommitKey[] {
  if (bytes.length % KEY_BYTES !== 0) throw new Malformed('it is no list of commits');
  return Array.from(
    { length: bytes.length / KEY_BYTES },
    (_, i) => bytesToHex(bytes.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)) as CommitKey,
  );
}

function itemFields(state: ItemState): Canonical {
  const content = state.content === null ? null : encodeContent(state.content);
  return [state.item.kind, state.item.name, hexToBytes(state.revision), state.position, content];
}

function parseItemState(value: Canonical): ItemState {
  const [kind, name, revision, position, content] = readFields(value, 5);
  return {
    item: readItem(kind, name),
    revision: readHex(revision) as Revision,
    position: readCount(position),
    content: content === null ? null : decodeContent(content as Canonical),
  };
}

function siblingFields(sibling: Sibling): Canonical {
  const content = sibling.content === null ? null : encodeContent(sibling.content);
  const base = sibling.base === null ? null : hexToBytes(sibling.base);
  return [sibling.item.kind, sibling.item.name, hexToBytes(sibling.sibling), base, sibling.position, content];
}

function parseSibling(value: Canonical): Sibling {
  const [kind, name, sibling, base, position, content] = readFields(value, 6);
  return {
    item: readItem(kind, name),
    sibling: readHex(sibling) as Revision,
    base: readHexOrNull(base) as Revision | null,
    position: readCount(position),
    content: content === null ? null : decodeContent(content as Canonical),
  };
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

function* slices<T>(values: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < values.length; i += size) yield values.slice(i, i + size);
}
