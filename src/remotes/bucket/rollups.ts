import type { Blobs } from '../../core/ports/blobs.ts';
import { mapAtOnce } from './at-once.ts';
import { createByteCache } from './byte-cache.ts';
import { encodeRollup, parseSegment, type Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import { unlessRemote } from './sequence.ts';

/**
 * Many small segments in one blob, so that who reads from the beginning asks seldom. They follow from the segments, are
 * made by whoever fills or reads a span, and believed only as far as they fit: without them all is read from the segments.
 */
export interface Rollups {
  /** The largest that begins at `number`, ends by `last`, and continues `position`; with the number behind it. */
  at(number: number, last: number, position: number): Promise<{ readonly segment: Segment; readonly next: number } | null>;
  /** After segment `number` was made: rolls up what it completes. */
  completed(number: number): Promise<void>;
  forget(): void;
  /** What was read does not fit together: without them from now on. False where that is so already. */
  ignore(): boolean;
}

const SPAN = 64;
const MIB = 1024 * 1024;
/** Spans of segments, and the most bytes of records that a rollup of each holds. */
const LEVELS = [
  { span: SPAN, limit: 4 * MIB },
  { span: SPAN * SPAN, limit: 16 * MIB },
] as const;
const BYTES_KEPT = 16 * MIB;
/** Parts of a large one that are fetched at once. */
const PARTS_AT_ONCE = 4;

export function createRollups(blobs: Blobs, folder: string, segments: Segments): Rollups {
  const kept = createByteCache<Segment>(BYTES_KEPT);
  const absent = new Set<string>();
  let isIgnored = false;

  const name = (level: number, index: number): string =>
    `${folder}/${String(LEVELS[level]?.span).padStart(4, '0')}/${String(index).padStart(10, '0')}`;

  async function load(level: number, index: number): Promise<Segment | null> {
    const key = name(level, index);
    const found = kept.get(key);
    if (found !== undefined || absent.has(key)) return found ?? null;
    const bytes = await blobs.read(key);
    const segment = bytes === null ? await make(level, index) : parseSegment(bytes, 'ROL1');
    if (segment === null || typeof segment === 'string') {
      absent.add(key);
      return null;
    }
    kept.put(key, segment, bytes?.length ?? bytesOf(segment.records));
    return segment;
  }

  /** `null` where the parts are large enough to be read by themselves. */
  async function make(level: number, index: number): Promise<Segment | null> {
    const parts = await partsOf(level, index);
    const [first, last] = [parts?.[0], parts?.at(-1)];
    if (parts === null || first === undefined || last === undefined) return null;
    const isChain = parts.every(({ info }, at) => at === 0 || info.first === (parts[at - 1] as Segment).info.head.position + 1);
    const records = parts.flatMap((part) => part.records);
    if (!isChain || bytesOf(records) > (LEVELS[level]?.limit ?? 0)) return null;
    const info = { ...last.info, first: first.info.first };
    // Whoever may only read does without.
    await blobs.create(name(level, index), encodeRollup(info, records)).catch(unlessRemote);
    return { info, records, dropped: [] };
  }

  async function partsOf(level: number, index: number): Promise<Segment[] | null> {
    const numbers = Array.from({ length: SPAN }, (_, at) => index * SPAN + at);
    let isSmall = true;
    const part = async (number: number): Promise<Segment | null> => {
      const found = !isSmall ? null : level === 0 ? await segments.small(number) : await load(level - 1, number);
      isSmall &&= found !== null;
      return found;
    };
    const parts = await mapAtOnce(numbers, part, level === 0 ? undefined : PARTS_AT_ONCE);
    return parts.every((each) => each !== null) ? parts : null;
  }

  return {
    async at(number, last, position) {
      if (isIgnored) return null;
      for (const [level, { span }] of [...LEVELS.entries()].reverse()) {
        if (number % span !== 0 || number + span - 1 > last) continue;
        const segment = await load(level, number / span);
        if (segment !== null && segment.info.first === position) return { segment, next: number + span };
      }
      return null;
    },
    async completed(number) {
      for (const [level, { span }] of LEVELS.entries()) {
        if (number % span === span - 1) await load(level, (number + 1) / span - 1).catch(unlessRemote);
      }
    },
    forget() {
      kept.clear();
      absent.clear();
    },
    ignore() {
      const was = isIgnored;
      isIgnored = true;
      return !was;
    },
  };
}

function bytesOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, record) => sum + record.length + 4, 0);
}
