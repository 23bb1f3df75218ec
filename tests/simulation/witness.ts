import type { Attributes, Content } from '../../src/core/content.ts';
import { equalBytes, sha256 } from '../../src/core/crypto/hash.ts';
import type { ContentDigest } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/item.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import type { Workspace } from '../../src/core/replica/workspace.ts';
import type { MemoryDisk, MemoryEntry } from '../../src/sources/files/memory-disk.ts';
import { leadsOut } from './names.ts';
import { isTemporary } from '../../src/core/ports/files.ts';
import { Violation } from './violation.ts';

/** A body that a capture took. From then on it must be reachable for ever. */
export interface Captured {
  readonly name: string;
  readonly digest: ContentDigest;
  readonly size: number;
  readonly attributes: Attributes;
  readonly machine: string;
}

/** Words that users write, all different (`same…` words are not counted). */
export function wordsIn(body: Uint8Array): string[] {
  return (
    Buffer.from(body)
      .toString('latin1')
      .match(/\bw\d+\b/g) ?? []
  );
}

/**
 * A word where it stands. Copies of a word in two items are two wishes: one item's deletion on one machine and the
 * other's on another take it away together, though each user still sees it. Names that some disk folds are one place.
 */
export function placed(name: string, word: string): string {
  return `${folded(name)}\0${word}`;
}

function folded(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

/** What a user takes away with what an item held, but for the words that stay. */
export async function noteTakenAway(
  witness: Witness,
  replica: Replica,
  item: Item,
  held: Content | null,
  staying: readonly string[] = [],
): Promise<void> {
  if (held === null) return;
  for (const word of wordsIn(await replica.bodies.read(held))) if (!staying.includes(word)) witness.removed.add(placed(item.name, word));
}

const ATTRIBUTES: readonly Attributes[] = [{}, { mode: 0o755 }, { link: true }];

/** Remembers what a machine's captures took, and what its user wrote that none has taken yet. */
export class Witness {
  readonly captured = new Map<ContentDigest, Captured>();
  /** Words that the user wrote, and words that it took away, each as {@link placed}. */
  readonly wrote = new Set<string>();
  readonly removed = new Set<string>();
  readonly #machine: string;
  readonly #disk: MemoryDisk;
  readonly #say: (what: string) => void;
  readonly #bodies: Uint8Array[] = [];
  /** By path: what the user last wrote there. */
  readonly #written = new Map<string, Uint8Array>();
  /** Written, and not on the disk any more, though not by the user. */
  #gone: { readonly path: string; readonly body: Uint8Array }[] = [];

  constructor(machine: string, disk: MemoryDisk, note: (what: string) => void) {
    this.#say = note;
    this.#machine = machine;
    this.#disk = disk;
  }

  /** The same workspace; what its captures took is noted once they say that it is durable. */
  watch(workspace: Workspace, replica: Replica): Workspace {
    return {
      ...workspace,
      applied: async (results) => {
        await workspace.applied(results);
        for (const { item, content } of results) this.noteShown(item.name, content);
      },
      capture: async (found, note) => {
        const report = await workspace.capture(found, note);
        const refused = new Set(report.refused.map(({ item }) => item.name));
        for (const entry of found) {
          if ((entry.type !== 'body' && entry.type !== 'tail') || refused.has(entry.item.name)) continue;
          const { attributes, item } = entry;
          const size = entry.type === 'body' ? entry.body.length : entry.baseSize + entry.tail.length;
          const held = this.#disk.get(item.name);
          const body = entry.type === 'body' ? entry.body : held?.type === 'file' ? held.body.slice(0, size) : null;
          if (body !== null && (entry.type === 'body' || equalBytes(sha256(body), entry.sha256))) this.#bodies.push(body);
          const digest =
            entry.type === 'body' ? replica.bodies.digestOf(entry.body, attributes) : replica.bodies.digest(entry.sha256, attributes);
          this.#note({ name: item.name, digest, size, attributes, machine: this.#machine });
        }
        for (const entry of found) if (entry.type === 'absent') this.#say(`captures the absence of ${entry.item.name}`);
        return report;
      },
    };
  }

  /**
   * What the store holds as shown was captured or applied, even where a crash swallowed the answer. `digestOf`: of a
   * body that may stand there still, which then tells what it begins with.
   */
  noteShown(name: string, content: Content | null, digestOf?: Replica['bodies']['digestOf']): void {
    if (content === null) return;
    const there = bodyOf(this.#disk.get(name))?.slice(0, content.size);
    if (there !== undefined && digestOf?.(there, content.attributes) === content.digest) this.#bodies.push(there);
    this.#note({ name, digest: content.digest, size: content.size, attributes: content.attributes, machine: this.#machine });
  }

  #note(captured: Captured): void {
    if (this.captured.has(captured.digest)) return;
    this.#say(`captures ${captured.name} ${captured.digest.slice(0, 8)} (${captured.size} bytes)`);
    this.captured.set(captured.digest, captured);
  }

  /** The user's hand on the disk: what it overwrites itself is its own loss. */
  byUser(deed: () => void): void {
    if (!this.#disk.hasRoot()) return;
    for (const [path, body] of this.#written) {
      if (this.#stands(path, body)) continue;
      this.#gone.push({ path, body });
      this.#written.delete(path);
    }
    const before = this.#files();
    deed();
    const after = this.#files();
    // All others hold the same words as before.
    const touched = new Set([...before.keys(), ...after.keys()].filter((path) => before.get(path) !== after.get(path)).map(folded));
    const had = placedWords(before, touched);
    const has = placedWords(after, touched);
    for (const word of had) if (!has.has(word)) this.removed.add(word);
    for (const word of has) if (!had.has(word)) this.wrote.add(word);
    for (const [path, body] of this.#written) if (!this.#stands(path, body)) this.#written.delete(path);
    for (const [path, body] of after) {
      const old = before.get(path);
      if (old === undefined || Buffer.compare(old, body) !== 0) this.#written.set(path, body);
    }
  }

  /** Throws where something that a user wrote was overwritten before any capture took it. */
  expectNothingOverwritten(replica: Replica): void {
    if (!this.#disk.hasRoot()) return;
    const isCaptured = (body: Uint8Array): boolean =>
      this.#bodies.some((longer) => startsWith(longer, body)) ||
      ATTRIBUTES.some((attributes) => this.captured.has(replica.bodies.digestOf(body, attributes)));
    for (const [path, body] of this.#written) {
      if (this.#stands(path, body)) continue;
      this.#gone.push({ path, body });
      this.#written.delete(path);
    }
    for (const { path, body } of this.#gone) {
      if (isCaptured(body)) continue;
      const shown = JSON.stringify(Buffer.from(body).toString('latin1').slice(0, 80));
      throw new Violation(`${this.#machine}: what the user wrote to ${path} was overwritten before it was captured: ${shown}`);
    }
    this.#gone = [];
  }

  /** A body stands where it was written, or with more behind it. */
  #stands(path: string, body: Uint8Array): boolean {
    const there = bodyOf(this.#disk.get(path));
    return there !== null && startsWith(there, body);
  }

  #files(): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    for (const path of this.#disk.paths()) {
      const body = bodyOf(this.#disk.get(path));
      if (body !== null && !isTemporary(path)) files.set(path, body);
    }
    return files;
  }
}

/** Of a link, its target. A link that leads out of the folder stays the user's own: no capture takes it. */
function bodyOf(entry: MemoryEntry | undefined): Uint8Array | null {
  if (entry?.type === 'file') return entry.body;
  return entry?.type === 'link' && !leadsOut(entry.target) ? Buffer.from(entry.target) : null;
}

/** Of the files by these names, folded. */
function placedWords(files: ReadonlyMap<string, Uint8Array>, names: ReadonlySet<string>): Set<string> {
  const wanted = [...files].filter(([path]) => names.has(folded(path)));
  return new Set(wanted.flatMap(([path, body]) => wordsIn(body).map((word) => placed(path, word))));
}

function startsWith(longer: Uint8Array, body: Uint8Array): boolean {
  return Buffer.from(longer.subarray(0, body.length)).equals(body);
}
