import type { Content } from '../../core/content.ts';
import type { ItemState } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { summarize, type SessionSummary } from '../../kinds/claude-home/session-summary.ts';
import type { OpenSpace } from '../node.ts';

/** So much of either end of a transcript is looked into. */
const START_BYTES = 128 * 1024;
const END_BYTES = 64 * 1024;
/** Transcripts that are looked into at the same time. */
const TOGETHER = 16;

interface Kept {
  readonly digest: string;
  readonly summary: SessionSummary;
}

/**
 * Summaries of transcripts by item name, `null` where the body cannot be had now. Kept by the body's digest: cost is that of
 * the two ends of what changed since the last time.
 */
export async function summariesOf(
  open: OpenSpace,
  states: readonly ItemState[],
  onProgress: (done: number, total: number) => void,
): Promise<Map<string, SessionSummary | null>> {
  const { replica } = open;
  const collection = `session-summaries/${replica.space}`;
  const kept = new Map((await replica.deps.store.read((tx) => tx.documents.list<Kept>(collection))).map(({ id, value }) => [id, value]));
  const found = new Map<string, SessionSummary | null>();
  const fresh: [string, Kept][] = [];
  const wanted = states.flatMap(({ item, content }) => {
    const known = kept.get(item.name);
    if (content !== null && known?.digest === content.digest) found.set(item.name, known.summary);
    return content === null || found.has(item.name) ? [] : [{ name: item.name, content }];
  });
  for (let at = 0; at < wanted.length; at += TOGETHER) {
    onProgress(at, wanted.length);
    const batch = wanted.slice(at, at + TOGETHER);
    const summaries = await Promise.all(batch.map(({ content }) => summaryOf(replica, content)));
    for (const [index, { name, content }] of batch.entries()) {
      const summary = summaries[index] ?? null;
      found.set(name, summary);
      if (summary !== null) fresh.push([name, { digest: content.digest, summary }]);
    }
  }
  if (fresh.length > 0) {
    await replica.deps.store.write(async (tx) => {
      for (const [name, value] of fresh) await tx.documents.put(collection, name, value);
    });
  }
  return found;
}

async function summaryOf(replica: Replica, content: Content): Promise<SessionSummary | null> {
  try {
    const start = await replica.bodies.readStart(content, START_BYTES);
    const end = start.length >= content.size ? start : await replica.bodies.read(content, Math.max(1, content.size - END_BYTES));
    return summarize(start, end);
  } catch (error) {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  }
}
