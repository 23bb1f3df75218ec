import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { isHex32, type ContentDigest, type MachineId } from '../../core/ids.ts';
import type { Item } from '../../core/item.ts';

export type Answer = 'approved' | 'rejected';

export const CONSENT_KIND = 'consent';

/** What an answer is about: 64 hex characters that bind a place and all that would stand there. */
export function subjectId(subject: { readonly path: string; readonly hash: string }): string {
  return sha256Hex('satchel/v1/consent-subject\0', encodeCanonical([subject.path, subject.hash]));
}

/** The hash of a folder: of every file in it, by name and keyed digest, which covers bytes and mode. */
export function treeHash(members: readonly { readonly name: string; readonly digest: ContentDigest }[]): string {
  const sorted = members.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, digest }) => [name, digest]);
  return sha256Hex('satchel/v1/consent-tree\0', encodeCanonical(sorted));
}

/** Stands for the hash where the answer is about a removal. */
export const REMOVED = 'removed';

/** The item of one machine's answer. Each machine answers under its own name, so that answers never merge. */
export function answerItem(id: string, machine: MachineId): Item {
  return { kind: CONSENT_KIND, name: `consents/${id}/${machine}` };
}

export function parseAnswerItem(item: Item): { readonly id: string; readonly machine: MachineId } | null {
  const [folder, id, machine, ...more] = item.name.split('/');
  if (item.kind !== CONSENT_KIND || folder !== 'consents' || more.length > 0 || !isHex32(id) || !isHex32(machine)) return null;
  return { id, machine: machine as MachineId };
}

/**
 * The body names the place for people who look at it; only `answer` counts. By the nonce it is another body than any
 * that somebody else wrote in the same place, so that it is a change.
 */
export function encodeAnswer(answer: Answer, path: string, nonce: string): Uint8Array {
  return Buffer.from(`${JSON.stringify({ answer, path, nonce })}\n`);
}

/** `null` for anything else than an answer. */
export function parseAnswer(body: Uint8Array): { readonly answer: Answer; readonly path: string } | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof value !== 'object' || value === null || !('answer' in value) || !('path' in value)) return null;
    const { answer, path } = value;
    return typeof path === 'string' && (answer === 'approved' || answer === 'rejected') ? { answer, path } : null;
  } catch {
    return null; // not JSON, or no text: written by something else
  }
}
