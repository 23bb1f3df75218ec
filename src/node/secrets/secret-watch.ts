import type { Content } from '../../core/content.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { DRAFT_POSITION } from '../../core/replica/overlay.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import type { FoundSecret } from '../../redaction/finding.ts';
import { keepScan, resumeScan, scanContent, SLICE, type KeptScan, type ScanState } from './scan-content.ts';

/** An item that holds what looks like secrets. Never the secrets. */
export interface ItemSecrets {
  readonly item: Item;
  readonly count: number;
  /** The first few. */
  readonly found: readonly FoundSecret[];
}

/** Looks through what a space holds for secrets, in the background. */
export interface SecretWatch {
  /** What was found so far. O(items with findings). */
  list(): Promise<ItemSecrets[]>;
  /** Looks through everything that is new until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** A burst of captures is looked at once it has ended. */
const QUIET = 3_000;
/** More than so much at once, a first sync say, can wait until all else has rested. */
const MANY = 100;
const CALM = 60_000;
/** What grows all the time is looked at so often. */
const REST = 30_000;
/** After each slice of some 10 ms, of one item or of many: it never has more than a fifth of a core. */
const PAUSE = 50;
/** Finding and opening an item takes as long as looking at so many bytes, about. */
const ITEM_BYTES = 16 * 1024;
/** A body may come after its record did: so often, a rest apart, it is looked whether it is here. */
const TRIES = 5;
const NAMED = 20;
/** Of growing bodies, so that only their ends are read again. */
const STATES = 64;
/** Of growing bodies that are larger it is also written down, whenever what was looked through reaches another large piece. */
const LARGE = 1024 * 1024;
/** Opened objects are kept for the next item that lies in them, and let go of after so many bytes: nobody waits for this. */
const KEPT_BYTES = 4 * 1024 * 1024;

interface Stored extends ItemSecrets {
  readonly digest: string;
}

/** `onEnd`: all that waited was looked at; it may have left garbage. */
export function createSecretWatch(replica: Replica, clock: Clock, onEnd: () => void = () => undefined): SecretWatch {
  const { store, kinds } = replica.deps;
  const collection = `secrets/${replica.space}`;
  const scanned = 'secrets-scanned';
  const progress = `secret-scans/${replica.space}`;
  const states = new Map<string, ScanState>();
  const queue = new Map<string, Item>();
  /** How often bodies were not here, by `itemKey`. */
  const missed = new Map<string, number>();
  /** Up to which position all was looked at; written down at the end, so that an idle node writes nothing. */
  let done = -1;
  let noted = -1;
  /** Bytes read since opened objects were let go of. */
  let opened = 0;
  /** Bytes looked at since the last pause. */
  let looked = 0;
  let wake: (() => void) | null = null;

  const isText = ({ kind }: Item): boolean => kinds.get(kind) !== undefined;
  const idOf = (item: Item): string => sha256Hex('satchel/v1/secret-of\0', itemKey(item));

  /** What was never brought here does not leave from here. */
  async function isHere({ pieces }: Content): Promise<boolean> {
    const ids = new Set(pieces.map(({ object }) => object));
    return (await replica.deps.objects.has(replica.space, [...ids])).size === ids.size;
  }

  async function enqueueNew(): Promise<void> {
    done = (await store.read((tx) => tx.documents.get<{ readonly position: number }>(scanned, replica.space)))?.position ?? -1;
    noted = done;
    if (done >= replica.position && replica.drafts.length === 0) return;
    for (const { item, position } of await replica.list()) if (position > done && isText(item)) queue.set(itemKey(item), item);
  }

  /** Such a body is looked for again, for some time. False: it was often enough. */
  function isAwaited(key: string): boolean {
    const tries = (missed.get(key) ?? 0) + 1;
    if (tries < TRIES) missed.set(key, tries);
    else missed.delete(key);
    return tries < TRIES;
  }

  /** False where the body is not here. */
  async function scan(item: Item, content: Content | null, signal: AbortSignal): Promise<boolean> {
    const key = itemKey(item);
    const id = idOf(item);
    const before = await store.read((tx) => tx.documents.get<Stored>(collection, id));
    if (content === null) {
      const isKept = (await store.read((tx) => tx.documents.get(progress, id))) !== undefined;
      if (before !== undefined) await store.write((tx) => tx.documents.remove(collection, id));
      if (isKept) await store.write((tx) => tx.documents.remove(progress, id));
      return true;
    }
    if (before?.digest === content.digest) return true;
    if (!(await isHere(content))) return false;
    missed.delete(key);
    const read = (pieces: Content['pieces']): Promise<Uint8Array> => {
      for (const { length } of pieces) opened += length;
      if (opened > KEPT_BYTES) {
        replica.bodies.forgetPlain();
        opened = 0;
      }
      return replica.bodies.readStart({ ...content, pieces }, Infinity);
    };
    const pause = async (bytes: number): Promise<boolean> => {
      looked += bytes;
      if (looked >= SLICE) {
        looked = 0;
        await clock.sleep(PAUSE, signal);
      }
      return !signal.aborted;
    };
    if (!(await pause(ITEM_BYTES))) return true;
    const grows = kinds.get(item.kind)?.appends === true;
    const kept = grows && content.size >= LARGE ? await store.read((tx) => tx.documents.get<KeptScan>(progress, id)) : undefined;
    const known = states.get(key) ?? (kept === undefined ? undefined : resumeScan(content, kept));
    const state = await scanContent(content, read, known, pause);
    const reached = grows && content.size >= LARGE ? keepScan(content, state) : null;
    if (reached !== null && (reached.hash !== kept?.hash || reached.found.length !== kept.found.length))
      await store.write((tx) => tx.documents.put(progress, id, reached));
    if (!state.isWhole) return true;
    if (grows) {
      states.delete(key);
      states.set(key, state);
      const oldest = states.keys().next();
      if (states.size > STATES && !oldest.done) states.delete(oldest.value);
    }
    const found = state.found.map(({ what, line }) => ({ what, line }));
    const stored: Stored = { item, digest: content.digest, count: found.length, found: found.slice(0, NAMED) };
    if (found.length > 0) await store.write((tx) => tx.documents.put(collection, id, stored));
    else if (before !== undefined) await store.write((tx) => tx.documents.remove(collection, id));
    return true;
  }

  /** Small bodies lie many in one object, which is opened once for all of them that way. O(items). */
  async function inReadingOrder(items: readonly Item[]): Promise<Item[]> {
    const states = await replica.visible(items);
    const placed = items.map((item) => ({ item, piece: states.get(itemKey(item))?.content?.pieces[0] }));
    const objectOf = ({ piece }: (typeof placed)[number]): string => piece?.object ?? '';
    placed.sort((a, b) =>
      objectOf(a) === objectOf(b) ? (a.piece?.offset ?? 0) - (b.piece?.offset ?? 0) : objectOf(a) < objectOf(b) ? -1 : 1,
    );
    return placed.map(({ item }) => item);
  }

  /** Looks at what waits; what comes meanwhile waits for the next time. */
  async function drain(signal: AbortSignal): Promise<void> {
    const { position } = replica;
    const items = await inReadingOrder([...queue.values()]);
    queue.clear();
    const later: Item[] = [];
    for (const item of items) {
      if (signal.aborted) return;
      const state = (await replica.visible([item])).get(itemKey(item));
      if (state === undefined) continue;
      try {
        if (!(await scan(item, state.content, signal)) && isAwaited(itemKey(item))) {
          queue.set(itemKey(item), item);
          later.push(item);
        }
      } catch (error) {
        if (!(error instanceof BodyUnavailable)) throw error;
        continue; // it was pruned or erased meanwhile
      }
      // A draft gets its position later, and would be looked for again.
      if (state.position === DRAFT_POSITION) later.push(item);
    }
    if (later.length === 0 && !signal.aborted) done = Math.max(done, position);
  }

  return {
    async list() {
      const stored = await store.read((tx) => tx.documents.list<Stored>(collection));
      return stored
        .map(({ value: { item, count, found } }) => ({ item, count, found }))
        .toSorted((a, b) => (a.item.name < b.item.name ? -1 : 1));
    },
    async run(signal) {
      const stopListening = replica.onChange((items) => {
        for (const item of items) if (isText(item)) queue.set(itemKey(item), item);
        wake?.();
      });
      signal.addEventListener('abort', () => wake?.(), { once: true });
      try {
        if ((await replica.head()) !== null) await enqueueNew();
        while (!signal.aborted) {
          if (queue.size === 0) await new Promise<void>((resolve) => (wake = resolve));
          wake = null;
          await clock.sleep(QUIET, signal);
          if (queue.size > MANY) await clock.sleep(CALM, signal);
          if (!signal.aborted) await drain(signal);
          onEnd();
          await clock.sleep(REST, signal);
        }
      } finally {
        stopListening();
        if (done > noted) await store.write((tx) => tx.documents.put(scanned, replica.space, { position: done }));
      }
    },
  };
}
