import { lengthPrefix, sha256Hex } from '../../core/crypto/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Kind } from '../../core/merge/kind.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';

const HEX = 12;

/**
 * What Claude Code keeps beside a transcript: todos, tasks, results of tools, files as they were. Written whole, by the
 * machine that the session runs on. Two versions are both kept, ours under a name of its own, which nobody is asked about;
 * and its disappearance, with its session's age, is no wish. Cost: O(size).
 */
export const sessionFileKind: Kind = {
  id: 'session-file',
  deletable: false,
  appends: false,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, keepBoth),
};

function keepBoth(_base: Uint8Array | null, _theirs: Uint8Array, ours: Uint8Array, name: string): BodyOutcome {
  const forked = besideName(name, ours);
  if (Buffer.byteLength(forked) > LIMITS.nameBytes)
    return { type: 'conflict', reason: 'two versions, and the name is too long for another' };
  return { type: 'forked', name: forked };
}

/** `todos/x.json` → `todos/x-fork-0123456789ab.json`: the same on every machine for the same content. */
function besideName(name: string, body: Uint8Array): string {
  const hash = sha256Hex('satchel/v1/fork-file\0', lengthPrefix(Buffer.byteLength(name)), name, body).slice(0, HEX);
  const dot = name.lastIndexOf('.');
  const stem = dot > name.lastIndexOf('/') + 1 ? dot : name.length;
  return `${name.slice(0, stem)}-fork-${hash}${name.slice(stem)}`;
}
