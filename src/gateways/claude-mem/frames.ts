import type { FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import { toWireOp } from './wire.ts';

/** Of the protocol. */
export const FRAME_OPS = 100;
export const FRAME_BYTES = 262_144;

/** What was appended, as one frame; `null` where it is too much for one. */
export function opFrame(head: FeedHead, entries: readonly FeedEntry[]): string | null {
  if (entries.length === 0 || entries.length > FRAME_OPS) return null;
  const frame = JSON.stringify({ type: 'op', epoch: head.epoch, ops: entries.map(toWireOp) });
  return Buffer.byteLength(frame) <= FRAME_BYTES ? frame : null;
}

/** Says that there is more to pull. */
export function advanceFrame(head: FeedHead): string {
  return JSON.stringify({ type: 'advance', epoch: head.epoch, head_seq: String(head.number) });
}
