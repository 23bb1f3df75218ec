import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { itemKey } from '../../core/item.ts';
import type { SealedBodies } from '../../core/replica/body-sealing.ts';
import { captureMany, sealForCapture, type FoundBy } from '../../core/replica/capture-many.ts';
import type { Replica } from '../../core/replica/replica.ts';

/**
 * Takes what is pushed, as many at once as come while the ones before them are taken: a flush costs the same for one and for many. While
 * these are captured, the next ones are sealed and flushed.
 */
export interface PushQueue {
  /** Durable when it resolves. Pushes of one item are taken in their order. */
  push(found: FoundBy): Promise<void>;
}

const AT_ONCE = 256;
const BYTES_AT_ONCE = 4 * 1024 * 1024;
/** Whoever was just answered pushes again within this time, and a batch of few costs the flushes that one of many does. Milliseconds. */
const LINGER_MS = 3;

interface Waiting {
  readonly found: FoundBy;
  resolve(): void;
  reject(error: unknown): void;
}

export function createPushQueue(replica: Replica): PushQueue {
  let waiting: Waiting[] = [];
  let isSealing = false;
  /** Of the last ones whose turn it is, or will be. Never rejects. */
  let captured: Promise<void> = Promise.resolve();
  let capturing = 0;

  /** The next ones, each item once. */
  function next(): Waiting[] {
    const [batch, rest]: [Waiting[], Waiting[]] = [[], []];
    const items = new Set<string>();
    let bytes = 0;
    for (const each of waiting) {
      const key = itemKey(each.found.item);
      const size = each.found.body.length;
      const isFull = batch.length >= AT_ONCE || (batch.length > 0 && bytes + size > BYTES_AT_ONCE);
      if (isFull || items.has(key)) rest.push(each);
      else {
        batch.push(each);
        bytes += size;
      }
      items.add(key); // nobody passes another one of the same item
    }
    waiting = rest;
    return batch;
  }

  async function take(batch: readonly Waiting[], ahead: SealedBodies | null = null): Promise<void> {
    const message = batch.length === 1 ? `mneme: ${batch[0]?.found.item.name}` : `mneme: ${batch.length} files`;
    try {
      await captureMany(
        replica,
        batch.map(({ found }) => found),
        { message, writer: 'mneme-gateway' },
        ahead,
      );
      for (const each of batch) each.resolve();
    } catch (error) {
      // One that cannot be taken must not be in the way of the others.
      if (batch.length > 1) for (const each of batch) await take([each]);
      else for (const each of batch) each.reject(error);
    }
  }

  async function run(): Promise<void> {
    isSealing = true;
    while (waiting.length > 0) {
      // What came together is taken together; and nothing is lost by waiting while others are captured.
      await (capturing === 0 ? nextTurn() : Promise.race([captured, delay(LINGER_MS)]));
      const batch = next();
      const ahead = await sealForCapture(
        replica,
        batch.map(({ found }) => found),
      );
      const before = captured;
      capturing += 1;
      captured = before.then(() => take(batch, ahead)).finally(() => (capturing -= 1));
      await before; // no more than these wait, so that what comes meanwhile is one batch
    }
    isSealing = false;
  }

  return {
    push: (found) =>
      new Promise((resolve, reject) => {
        waiting.push({ found, resolve, reject });
        if (!isSealing) void run();
      }),
  };
}
