import type { FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import { digestOf } from './digest.ts';
import { PROTOCOL_VERSION } from './schema.ts';
import type { Changes, Pushed } from './sync-feed.ts';

/** An op as clients get it. */
export interface WireOp {
  readonly seq: string;
  readonly body: string;
  readonly operation_sha256: string;
  readonly server_ts: string;
}

export function toWireOp({ number, body, time }: FeedEntry): WireOp {
  return { seq: String(number), body, operation_sha256: digestOf(body), server_ts: String(time) };
}

/** The answer to a push. All that is in the feed is served from the moment it is there: projected up to its head. */
export function pushAnswer({ acks, head }: Pushed) {
  return {
    acked: acks.map(({ op: { says, digest }, number }) => ({
      id: says.id,
      kind: says.kind,
      origin_local_id: says.origin_local_id,
      entity_rev: says.entity_rev,
      operation_sha256: digest,
      seq: String(number),
    })),
    head_seq: String(head.number),
    projected_seq: String(head.number),
  };
}

export interface ChangesAnswer {
  readonly protocol_version: number;
  readonly epoch: string;
  readonly ops: readonly WireOp[];
  readonly head_seq: string;
  readonly more: boolean;
}

export function changesAnswer({ head, entries }: Changes, since: number): ChangesAnswer {
  return {
    protocol_version: PROTOCOL_VERSION,
    epoch: head.epoch,
    ops: entries.map(toWireOp),
    head_seq: String(head.number),
    more: (entries.at(-1)?.number ?? since) < head.number && entries.length > 0,
  };
}

export function statusAnswer(head: FeedHead, devices: number) {
  return {
    protocol_version: PROTOCOL_VERSION,
    epoch: head.epoch,
    head_seq: String(head.number),
    projected_seq: String(head.number),
    op_count: head.number,
    device_count: devices,
  };
}
