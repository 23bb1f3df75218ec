import type { Kind } from '../../core/merge/kind.ts';
import { LIMITS } from '../../core/limits.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { forkName } from './fork-name.ts';
import { startsWith } from './starts-with.ts';

const NEWLINE = 10;

/**
 * Transcripts of one conversation, which only grow. A side that goes on from the other is the merge, whatever the base
 * was; two that went different ways are two conversations, and ours goes on under another name (`forkName`), made of ours
 * up to the line that first differs, so that what goes on behind it later finds the same name. Nothing is
 * ever put together line by line. The disappearance of a transcript is no wish. Cost: O(size).
 */
export const transcriptKind: Kind = {
  id: 'transcript',
  deletable: false,
  appends: true,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, mergeTranscripts),
};

function mergeTranscripts(_base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array, name: string): BodyOutcome {
  if (startsWith(theirs, ours)) return { type: 'merged', body: theirs };
  if (startsWith(ours, theirs)) return { type: 'merged', body: ours };
  const forked = forkName(name, untilTheyDiffer(theirs, ours));
  if (Buffer.byteLength(forked) > LIMITS.nameBytes)
    return { type: 'conflict', reason: 'two continuations, and the name is too long for a fork' };
  return { type: 'forked', name: forked };
}

/** Ours up to the end of the first line that theirs does not have. Neither is the beginning of the other. */
function untilTheyDiffer(theirs: Uint8Array, ours: Uint8Array): Uint8Array {
  let same = 0;
  while (theirs[same] === ours[same]) same += 1;
  const end = ours.indexOf(NEWLINE, same);
  return end === -1 ? ours : ours.subarray(0, end + 1);
}
