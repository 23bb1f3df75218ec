import { constants, createGzip } from 'node:zlib';
import { once } from 'node:events';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { ChangesAnswer } from './wire.ts';

/** Shorter pages are not worth it: what is new day by day is a few ops. Bytes. */
const WORTH = 16_384;
/** A page of 500 observations, 1.2 MB, becomes 30 % of that in 6 ms of another thread's time; at level 6 it is 25 % in 22 ms. */
const LEVEL = 1;

/** Bytes that come back from the other thread at once. */
const CHUNK = 262_144;

/** Whether a client takes gzip, by its Accept-Encoding. */
export function takesGzip(accepted: string | undefined): boolean {
  const [, quality] = /(?:^|,)\s*gzip\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)/i.exec(accepted ?? '') ?? [null, '0'];
  return quality === undefined || Number(quality) > 0;
}

/**
 * The very text that `JSON.stringify` makes of a page, compressed; `null` where it is not worth it. Rows of different origin share nothing
 * of it: how long it is would tell whoever can plant a row on one device, and sees the length, what stands in another's. Not on this thread.
 */
export async function gzippedPage(answer: ChangesAnswer, entries: readonly Pick<FeedEntry, 'origin'>[]): Promise<Buffer | null> {
  const { ops, head_seq, more, ...rest } = answer;
  const texts = ops.map((op) => JSON.stringify(op));
  if (texts.reduce((sum, { length }) => sum + length, 0) < WORTH) return null;
  const gzip = createGzip({ level: LEVEL, chunkSize: CHUNK });
  const parts: Buffer[] = [];
  gzip.on('data', (part: Buffer) => void parts.push(part));
  const ended = once(gzip, 'end');
  let together = `${JSON.stringify(rest).slice(0, -1)},"ops":[`;
  for (const [at, text] of texts.entries()) {
    if (at === 0 || entries[at - 1]?.origin !== entries[at]?.origin) {
      gzip.write(together);
      gzip.flush(constants.Z_FULL_FLUSH);
      together = '';
    }
    together += at === 0 ? text : `,${text}`;
  }
  gzip.end(`${together}],${JSON.stringify({ head_seq, more }).slice(1)}`);
  await ended;
  return Buffer.concat(parts);
}
