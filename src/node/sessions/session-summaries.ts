import type { ItemState } from '../../core/ports/store.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { summarize, type SessionSummary } from '../../kinds/claude-home/session-summary.ts';
import type { OpenSpace } from '../node.ts';

/** So much of either end of a transcript is looked into. */
const START_BYTES = 128 * 1024;
const END_BYTES = 64 * 1024;

interface Kept {
  readonly digest: string;
  readonly summary: SessionSummary;
}

/**
 * Summaries of transcripts by item name, `null` where the body cannot be had now. Kept by the body's digest: cost is that of
 * the two ends of what changed since the last time.
 */
export async function summariesOf(open: OpenSpace, states: readonly ItemState[]): Promise<Map<string, SessionSummary | null>> {
  const { replica } = open;
  const collection = `session-summaries/${replica.space}`;
  const kept = new Map((await replica.deps.store.read((tx) => tx.documents.list<Kept>(collection))).map(({ id, value }) => [id, value]));
  const found = new Map<string, SessionSummary | null>();
  const fresh: [string, Kept][] = [];
  for (const { item, content } of states) {
    if (content === null) continue;
    const known = kept.get(item.name);
    if (known?.digest === content.digest) {
      found.set(item.name, known.summary);
      continue;
    }
    try {
      const start = await replica.bodies.readStart(content, START_BYTES);
      const end = start.length >= content.size ? start : await replica.bodies.read(content, Math.max(1, content.size - END_BYTES));
      const summary = summarize(start, end);
      found.set(item.name, summary);
      fresh.push([item.name, { digest: content.digest, summary }]);
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      found.set(item.name, null);
    }
  }
  if (fresh.length > 0) {
    await replica.deps.store.write(async (tx) => {
      for (const [name, value] of fresh) await tx.documents.put(collection, name, value);
    });
  }
  return found;
}
