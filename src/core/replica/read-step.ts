import { openCommitBody } from '../crypto/object-cipher.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import type { CommitKey, SpaceId } from '../ids.ts';
import { readCarried } from '../log/carried.ts';
import { decodeCommit } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { decodeControl, type ControlPayload } from '../log/control.ts';
import { currentEpoch, mayAppend, type Membership } from '../log/membership.ts';
import { hasValidSignature, type LogRecord } from '../log/record.ts';
import type { ReplicaDeps } from './deps.ts';

/** What a record of the log says, once everything was checked of it that the state of items has no part in. */
export type Step =
  | {
      readonly type: 'commit';
      readonly record: LogRecord;
      readonly commit: Commit;
      readonly carried: readonly CommitKey[];
      /** It was just made here, of the draft of that id. */
      readonly isKnown: boolean;
    }
  | { readonly type: 'control'; readonly record: LogRecord; readonly payload: ControlPayload }
  | { readonly type: 'void'; readonly record: LogRecord; readonly reason: string };

/** Where the log stands when a record is read. */
export interface Reading {
  readonly space: SpaceId;
  readonly membership: Membership;
  /** `null`: this machine has none. */
  readonly keys: SpaceKeys | null;
  readonly compression: ReplicaDeps['compression'];
}

/** Checks the signature and parses. Whether the membership lets it happen is looked at by `applyControl`. */
export function readControl(record: LogRecord): Step {
  const payload = decodeControl(record.body);
  if (!hasValidSignature(record)) return isVoid(record, 'its signature is wrong');
  if (!payload.ok) return isVoid(record, payload.error);
  return { type: 'control', record, payload: payload.value };
}

/**
 * Checks role, epoch and signature, decrypts and parses; `known` spares the last three for a commit just made here. Void
 * is what breaks any of it. `null`: the key is missing, so this record and all after it wait. O(size of the record).
 */
export async function readCommit(record: LogRecord, at: Reading, known: Commit | undefined): Promise<Step | null> {
  const { space, membership, keys } = at;
  const { header } = record;
  if (!mayAppend(membership, header.signer)) return isVoid(record, 'its signer may not write here');
  const epoch = currentEpoch(membership).number;
  if (header.keyId !== epoch) return isVoid(record, `it is under the key of epoch ${header.keyId}, not ${epoch}`);
  // Its hash, by which it is known, is of the signature too.
  if (known !== undefined) return accept(record, known, at, true);
  if (!hasValidSignature(record)) return isVoid(record, 'its signature is wrong');
  if (keys?.epoch(header.keyId) === undefined) return null;
  const binding = { space, keyId: header.keyId, signer: header.signer, commit: header.id };
  const body = await openCommitBody(record.body, binding, keys, at.compression);
  if (!body.ok) return body.error.type === 'no-key' ? null : isVoid(record, body.error.reason);
  const commit = decodeCommit(body.value, header.id, header);
  return commit.ok ? accept(record, commit.value, at, false) : isVoid(record, commit.error);
}

/** What may stand in the log of events: what the rule says of a commit names its items, what a parser says does not. */
export function withoutNames(step: Step, reason: string): string {
  return step.type === 'commit' ? 'it breaks the rule' : (reason.split(':')[0] ?? '');
}

function accept(record: LogRecord, commit: Commit, { space }: Reading, isKnown: boolean): Step {
  const carried = readCarried(commit, space);
  if (!carried.ok) return isVoid(record, carried.error);
  return { type: 'commit', record, commit, carried: carried.value.map(({ key }) => key), isKnown };
}

function isVoid(record: LogRecord, reason: string): Step {
  return { type: 'void', record, reason };
}
