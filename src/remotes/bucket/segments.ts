import type { Blobs } from '../../core/ports/blobs.ts';
import { createByteCache } from './byte-cache.ts';
import { damaged } from './damage.ts';
import { parseSegment, parseSegmentInfo, SEGMENT_START, type Segment, type SegmentInfo } from './segment.ts';
import type { BlobSequence } from './sequence.ts';

/** The segments of one log as they lie in the bucket, those that were read lately kept: they never change. */
export interface Segments {
  /** What stands in front of one that was seen; `null` where there is none of that number. Small ones are read whole, and kept. */
  info(number: number): Promise<SegmentInfo | null>;
  /** As {@link info}, asked for in any case: of one behind all that were seen. */
  next(number: number): Promise<SegmentInfo | null>;
  /** The same of one that is likely to be as it was: nothing more is read. */
  again(number: number): Promise<SegmentInfo | null>;
  /** The whole segment. Throws `protocol` where there is none: the caller knows of a later one. */
  whole(number: number): Promise<Segment>;
  /** The whole segment where it is small; `null` where it is not, or not there. One request at most. */
  small(number: number): Promise<Segment | null>;
  /** Numbers whose info is known, with it. */
  readonly known: ReadonlyMap<number, SegmentInfo>;
  keep(number: number, segment: Segment, bytes: number): void;
  forget(): void;
}

/** No head of a segment ends behind. */
const HEAD_BYTES = 512;
const INFOS_KEPT = 4_096;
const BYTES_KEPT = 16 * 1024 * 1024;

export function createSegments(blobs: Blobs, sequence: BlobSequence): Segments {
  const infos = new Map<number, SegmentInfo>();
  const kept = createByteCache<Segment>(BYTES_KEPT);

  function note(number: number, info: SegmentInfo): SegmentInfo {
    if (infos.size >= INFOS_KEPT) infos.clear();
    // In a bucket that was restored another one has this number.
    if (infos.get(number)?.nonce !== info.nonce) kept.forget(String(number));
    infos.set(number, info);
    return info;
  }

  function keep(number: number, segment: Segment, bytes: number): Segment {
    note(number, segment.info);
    kept.put(String(number), segment, bytes);
    return segment;
  }

  function parsed(number: number, bytes: Uint8Array): Segment {
    const segment = parseSegment(bytes, 'LOG1');
    if (typeof segment === 'string') throw damaged(sequence.name(number), segment);
    return keep(number, segment, bytes.length);
  }

  async function info(number: number, length = SEGMENT_START): Promise<SegmentInfo | null> {
    const start = await blobs.read(sequence.name(number), { offset: 0, length });
    if (start === null) return null;
    if (start.length < length) return parsed(number, start).info;
    const found = parseSegmentInfo(start, false, 'LOG1');
    if (typeof found === 'string') throw damaged(sequence.name(number), found);
    return note(number, found);
  }

  return {
    known: infos,
    info: async (number) => infos.get(number) ?? info(number),
    next: info,
    again: (number) => info(number, HEAD_BYTES),
    async whole(number) {
      const found = kept.get(String(number));
      if (found !== undefined) return found;
      const bytes = await blobs.read(sequence.name(number));
      if (bytes === null) throw damaged(sequence.name(number), 'it is missing, though later ones are there');
      return parsed(number, bytes);
    },
    async small(number) {
      const found = kept.get(String(number));
      if (found !== undefined) return found;
      await info(number);
      return kept.get(String(number)) ?? null;
    },
    keep,
    forget() {
      infos.clear();
      kept.clear();
    },
  };
}
