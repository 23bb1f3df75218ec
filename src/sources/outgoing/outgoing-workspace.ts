import { sha256 } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { BodyUnavailable, type CaptureReport, type Found, type Workspace } from '../../core/replica/workspace.ts';
import { byLine, type FoundSecret } from '../../redaction/finding.ts';

/** An item that is not captured before somebody said yes to what looks like secrets in it. */
export interface HeldOutgoing {
  readonly item: Item;
  readonly found: readonly FoundSecret[];
  /** Keyed digests of what looks like secrets, sorted: what an answer is about. Never the secrets. */
  readonly secrets: readonly string[];
}

/** The answers, kept on this machine. */
export interface OutgoingAnswers {
  /** Digests that may leave with an item. */
  allowed(item: Item): Promise<ReadonlySet<string>>;
  allow(item: Item, secrets: readonly string[]): Promise<void>;
}

export interface OutgoingWorkspace extends Workspace {
  /** What was found and held back since the source was made. */
  held(): readonly HeldOutgoing[];
  /** The source must offer the item again after this. */
  allow(held: HeldOutgoing): Promise<void>;
}

export interface OutgoingDeps {
  /** Whether others than this person's machines can read the space. */
  readonly isShared: () => boolean;
  readonly answers: OutgoingAnswers;
  /** A digest that only members of the space can make. */
  readonly digest: (hash: Uint8Array) => string;
}

/** The rules load in some 20 ms: not before there is a text to look at. */
const loadScan = () => import('../../redaction/scan-text.ts');

const REASON = 'holds what looks like a secret, and others can read this space: it waits for an answer (satchel pending)';

/**
 * A workspace towards a space that others can read: what looks like a secret is not captured before somebody said yes to
 * exactly that. Other changes of the same item are free once its secrets were allowed. Cost of a capture: O(bytes found).
 */
export function createOutgoingWorkspace(inner: Workspace, { isShared, answers, digest }: OutgoingDeps): OutgoingWorkspace {
  const held = new Map<string, HeldOutgoing>();

  /** What the space holds of an item already is no news to those who read it. */
  async function secretsThere(item: Item): Promise<ReadonlySet<string>> {
    const view = (await inner.views([item.name])).get(itemKey(item));
    const there = new Set<string>();
    const { scanText } = await loadScan();
    for (const content of [view?.shown ?? null, view?.intended?.content ?? null]) {
      if (content === null) continue;
      try {
        const text = Buffer.from(await inner.read(item, content)).toString('latin1');
        for (const { start, end } of scanText(text)) there.add(text.slice(start, end));
      } catch (error) {
        if (!(error instanceof BodyUnavailable)) throw error;
      }
    }
    return there;
  }

  /** `null`: nothing to ask about. */
  async function examine(entry: Found): Promise<HeldOutgoing | null> {
    if (entry.type !== 'body' && entry.type !== 'tail') return null;
    const text = Buffer.from(entry.type === 'body' ? entry.body : entry.tail).toString('latin1');
    const { scanText } = await loadScan();
    const findings = scanText(text);
    if (findings.length === 0) return null;
    const allowed = await answers.allowed(entry.item);
    const there = await secretsThere(entry.item);
    const digestOf = (start: number, end: number): string => digest(sha256(text.slice(start, end)));
    const open = findings.filter(({ start, end }) => !allowed.has(digestOf(start, end)) && !there.has(text.slice(start, end)));
    if (open.length === 0) return null;
    return {
      item: entry.item,
      found: byLine(text, open),
      secrets: [...new Set(open.map(({ start, end }) => digestOf(start, end)))].toSorted(),
    };
  }

  return {
    ...inner,
    async capture(found, note): Promise<CaptureReport> {
      if (!isShared()) return inner.capture(found, note);
      const free: Found[] = [];
      const refused: { item: Item; reason: string }[] = [];
      for (const entry of found) {
        const problem = await examine(entry);
        held.delete(entry.item.name);
        if (problem === null) free.push(entry);
        else {
          held.set(entry.item.name, problem);
          refused.push({ item: entry.item, reason: REASON });
        }
      }
      const report = await inner.capture(free, note);
      return { ...report, refused: [...report.refused, ...refused] };
    },
    held: () => [...held.values()].toSorted((a, b) => (a.item.name < b.item.name ? -1 : 1)),
    async allow({ item, secrets }) {
      await answers.allow(item, secrets);
      held.delete(item.name);
    },
  };
}
