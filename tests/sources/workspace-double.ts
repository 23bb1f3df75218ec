import { encodeCanonical } from '../../src/core/canonical.ts';
import type { Attributes, Content } from '../../src/core/content.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { bytesToHex, type ContentDigest, type ObjectId } from '../../src/core/ids.ts';
import { itemKey, type Item } from '../../src/core/item.ts';
import type { Kind } from '../../src/core/merge/kind.ts';
import type { View } from '../../src/core/ports/store.ts';
import { BodyUnavailable, type CaptureReport, type Workspace } from '../../src/core/replica/workspace.ts';

/** A space in memory with as much merging as a source's tests need: prefixes go forward, all else keeps a sibling. */
export interface SpaceDouble {
  readonly heads: Map<string, { readonly item: Item; readonly content: Content }>;
  readonly siblings: { readonly item: Item; readonly content: Content | null }[];
  /** Every body ever captured, by digest: history. */
  readonly bodies: Map<string, Uint8Array>;
  readonly unavailable: Set<string>;
  /** Digests of bodies that were erased everywhere. */
  readonly erased: Set<string>;
  /** Puts a head as another machine would. */
  put(name: string, body: string | Uint8Array, attributes?: Attributes, kind?: string): void;
  remove(name: string, kind?: string): void;
  text(name: string, kind?: string): string | undefined;
  workspace(writer: string, deletable?: (kind: string) => boolean): WorkspaceDouble;
}

export interface WorkspaceDouble extends Workspace {
  /** Set to throw in a call, as a process that dies. */
  crash: ((call: string) => void) | null;
  readonly table: Map<string, View>;
  /** Calls of `views`. */
  looks: number;
  readonly kept: { get(): Promise<string | null>; keep(note: string, since: number): Promise<void>; writes(): number };
}

/** `kinds`: those that merge as they do in a real space. */
export function createSpaceDouble(kinds: readonly Kind[] = []): SpaceDouble {
  const heads: SpaceDouble['heads'] = new Map();
  const siblings: { item: Item; content: Content | null }[] = [];
  const bodies = new Map<string, Uint8Array>();
  const objects = new Map<string, Uint8Array>();
  const unavailable = new Set<string>();
  const erased = new Set<string>();

  const contentOf = (body: Uint8Array, attributes: Attributes, base: Content | null = null): Content => {
    const digest = sha256Hex(body, '\0', encodeCanonical(attributes)) as ContentDigest;
    bodies.set(digest, body.slice());
    const piece = body.slice(base?.size ?? 0);
    const object = sha256Hex(piece) as ObjectId;
    objects.set(object, piece);
    const pieces = piece.length === 0 ? [] : [{ object, keyId: 0, offset: 0, length: piece.length }];
    return { digest, size: body.length, attributes, pieces: [...(base?.pieces ?? []), ...pieces] };
  };
  const bodyOf = (content: Content): Uint8Array => {
    if (erased.has(content.digest)) throw new BodyUnavailable('erased', 'it was erased');
    if (unavailable.has(content.digest)) throw new BodyUnavailable('offline', 'the hub is away');
    return Buffer.concat(content.pieces.map((piece) => objects.get(piece.object) as Uint8Array));
  };
  const begins = (long: Content | null, short: Content | null): boolean =>
    long !== null && short !== null && Buffer.from(bodyOf(long)).subarray(0, short.size).equals(bodyOf(short));
  const settle = (item: Item, base: Content | null, ours: Content | null): boolean => {
    const theirs = heads.get(itemKey(item))?.content ?? null;
    if (theirs?.digest === ours?.digest) return false;
    if (theirs?.digest === base?.digest || begins(ours, theirs) || theirs === null) {
      if (ours === null) heads.delete(itemKey(item));
      else heads.set(itemKey(item), { item, content: ours });
      return false;
    }
    if (ours === null || begins(theirs, ours)) return false;
    const merged = merge(item, base, theirs, ours);
    if (merged !== null) {
      heads.set(itemKey(item), { item, content: merged });
      return false;
    }
    siblings.push({ item, content: ours });
    return true;
  };
  const merge = (item: Item, base: Content | null, theirs: Content, ours: Content): Content | null => {
    const kind = kinds.find(({ id }) => id === item.kind);
    const version = (content: Content) => ({ body: bodyOf(content), attributes: content.attributes });
    const outcome = kind?.merge({ name: item.name, base: base && version(base), theirs: version(theirs), ours: version(ours) });
    return outcome?.type === 'merged' ? contentOf(outcome.version.body, outcome.version.attributes) : null;
  };

  const workspace = (writer: string, deletable: (kind: string) => boolean = () => true): WorkspaceDouble => {
    const table = new Map<string, View>();
    const viewOf = (item: Item): View => table.get(itemKey(item)) ?? { item, shown: null, intended: null, notHere: null, local: null };
    let kept: string | null = null;
    let writes = 0;
    const set = (view: View): void => {
      table.set(itemKey(view.item), view);
      kept = null;
    };
    const double: WorkspaceDouble = {
      writer,
      table,
      crash: null,
      looks: 0,
      kept: {
        get: async () => kept,
        async keep(note, since) {
          double.crash?.('keep');
          if (writes === since) kept = note;
        },
        writes: () => writes,
      },
      async views(under) {
        double.looks += 1;
        const isAsked = (name: string): boolean => under === undefined || under.some((one) => name === one || name.startsWith(`${one}/`));
        return new Map([...table].filter(([, { item }]) => isAsked(item.name)));
      },
      async capture(found): Promise<CaptureReport> {
        double.crash?.('capture');
        const conflicts: Item[] = [];
        let [changes, bytes, noted] = [0, 0, 0];
        for (const entry of found) {
          const view = viewOf(entry.item);
          noted += entry.type !== 'absent' && entry.local !== null ? 1 : 0;
          if (entry.type === 'same') {
            set({ ...view, local: entry.local, intended: null, notHere: null });
            continue;
          }
          if (entry.type === 'absent') {
            const ours = view.intended !== null && view.intended.content === null;
            if (!ours && !deletable(entry.item.kind)) {
              set({ ...view, notHere: 'removed here' });
              continue;
            }
            set({ ...view, shown: null, intended: null, local: null });
            if (ours) continue;
            changes += 1;
            settle(entry.item, view.shown, null);
            continue;
          }
          let body: Uint8Array;
          if (entry.type === 'tail') {
            if (view.shown?.size !== entry.baseSize) throw new Error('a tail behind another body');
            body = Buffer.concat([bodyOf(view.shown), entry.tail]);
            if (sha256Hex(body) !== bytesToHex(entry.sha256)) throw new Error('a tail whose whole has another hash');
          } else body = entry.body;
          const content = contentOf(body, entry.attributes, entry.type === 'tail' ? view.shown : null);
          const known = [view.shown, view.intended?.content ?? null].find((other) => other?.digest === content.digest);
          set({ item: entry.item, shown: known ?? content, intended: null, notHere: null, local: entry.local });
          if (known !== undefined) continue;
          changes += 1;
          bytes += entry.type === 'tail' ? entry.tail.length : body.length;
          if (settle(entry.item, view.shown, content)) conflicts.push(entry.item);
        }
        return Promise.resolve({ commits: changes > 0 ? 1 : 0, changes, bytes, noted, conflicts, refused: [] });
      },
      outstanding() {
        const items = new Map([...heads.values(), ...table.values()].map(({ item }) => [itemKey(item), item]));
        const all = [...items.values()].map((item) => {
          const view = viewOf(item);
          return { view, item, content: heads.get(itemKey(item))?.content ?? null, shown: view.shown, local: view.local };
        });
        return Promise.resolve(
          all
            .filter(({ view, content, shown }) => view.notHere === null && content?.digest !== shown?.digest)
            .map(({ view: _view, ...outstanding }) => outstanding),
        );
      },
      async intend(items) {
        double.crash?.('intend');
        writes += 1;
        for (const { item, content, note = viewOf(item).local } of items) set({ ...viewOf(item), intended: { content }, local: note });
      },
      async applied(results) {
        double.crash?.('applied');
        writes += 1;
        for (const { item, content, local } of results) set({ item, shown: content, intended: null, notHere: null, local });
      },
      async notHere(items) {
        writes += 1;
        for (const { item, reason } of items) set({ ...viewOf(item), notHere: reason });
      },
      async read(_item, content, offset = 0) {
        return bodyOf(content).subarray(offset);
      },
      async prefetch(contents) {
        for (const content of contents) bodyOf(content);
      },
    };
    return double;
  };

  return {
    heads,
    siblings,
    bodies,
    unavailable,
    erased,
    workspace,
    put(name, body, attributes = {}, kind = 'text') {
      const item = { kind, name };
      const before = heads.get(itemKey(item))?.content ?? null;
      const bytes = Buffer.from(body);
      const grows = before !== null && bytes.subarray(0, before.size).equals(bodyOf(before)) && bytes.length > before.size;
      heads.set(itemKey(item), { item, content: contentOf(bytes, attributes, grows ? before : null) });
    },
    remove: (name, kind = 'text') => void heads.delete(itemKey({ kind, name })),
    text(name, kind = 'text') {
      const head = heads.get(itemKey({ kind, name }));
      return head === undefined ? undefined : Buffer.from(bodyOf(head.content)).toString();
    },
  };
}
