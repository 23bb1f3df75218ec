import type { Head } from '../../core/log/record.ts';
import { RemoteError, type ReadAnswer, type ReadLimit } from '../../core/ports/remote.ts';
import type { CheckedRecord } from '../checks.ts';
import { torn } from './frame.ts';
import { encodeSegment, readSegment, readSegmentInfo, type SegmentInfo } from './segment-file.ts';
import type { Sequence } from './sequence.ts';

/** The log of one space as a sequence of segments, one an append. */
export interface FolderLog {
  head(): Promise<Head | null>;
  read(from: number, limit: ReadLimit): Promise<ReadAnswer>;
  /** The new head, or `null` where the head was not `expected` or another append came first. */
  append(expected: Head, records: readonly CheckedRecord[]): Promise<Head | null>;
}

const INFOS_KEPT = 4_096;

/**
 * Compare-and-swap: whoever saw that segment n ends in the expected head may make segment n+1, and a link to that
 * name works once. Segments never change, so that what n ends in is as good as a lock.
 */
export function createFolderLog(segments: Sequence): FolderLog {
  const infos = new Map<number, { readonly fingerprint: string; readonly info: SegmentInfo }>();

  async function infoOf(number: number): Promise<SegmentInfo> {
    const fingerprint = await segments.fingerprint(number);
    const kept = infos.get(number);
    if (fingerprint !== null && kept?.fingerprint === fingerprint) return kept.info;
    const info = fingerprint === null ? null : await readSegmentInfo(segments.path(number));
    if (fingerprint === null || info === null) throw torn(segments.path(number), 'it is missing, though later ones are there');
    if (infos.size >= INFOS_KEPT) infos.clear();
    infos.set(number, { fingerprint, info });
    return info;
  }

  async function newest(): Promise<{ readonly number: number; readonly head: Head | null }> {
    const number = await segments.newest();
    return { number, head: number < 0 ? null : (await infoOf(number)).head };
  }

  /** The segment that holds `position`; O(log n) look-ups, fewer where infos are kept. */
  async function segmentOf(position: number, last: number): Promise<number> {
    let [low, high] = [0, last];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((await infoOf(middle)).first <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  return {
    async head() {
      return (await newest()).head;
    },
    async read(from, limit) {
      const { number: last, head } = await newest();
      const records: Buffer[] = [];
      if (head === null || from > head.position) return { records, head };
      let bytes = 0;
      let next = from;
      for (let number = await segmentOf(from, last); number <= last; number += 1) {
        const segment = await readSegment(segments.path(number));
        if (segment === null) throw torn(segments.path(number), 'it is missing, though later ones are there');
        const { first } = segment.info;
        if (next < first || next > segment.info.head.position) throw torn(segments.path(number), `position ${next} belongs into it`);
        for (const record of segment.records.slice(next - first)) {
          bytes += record.length;
          if (records.length === limit.records || (records.length > 0 && bytes > limit.bytes)) return { records, head };
          records.push(record);
          next += 1;
        }
      }
      return { records, head };
    },
    async append(expected, records) {
      const { number, head } = await newest();
      const behind = head === null ? expected.position === -1 : head.position === expected.position && head.hash === expected.hash;
      if (!behind) return null;
      const published = await segments.publish(number + 1, encodeSegment(records));
      if (published) return (await infoOf(number + 1)).head;
      if ((await newest()).number > number) return null;
      throw new RemoteError('unreachable', 'another machine was faster, and what it wrote cannot be seen yet: try again');
    },
  };
}
