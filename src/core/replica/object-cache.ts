import type { ObjectId } from '../ids.ts';

/** Objects, decrypted or as stored, least recently used out first, within a budget of bytes. */
export class ObjectCache {
  readonly #budget: number;
  readonly #entries = new Map<ObjectId, Uint8Array>();
  #bytes = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  has(id: ObjectId): boolean {
    return this.#entries.has(id);
  }

  get(id: ObjectId): Uint8Array | undefined {
    const plain = this.#entries.get(id);
    if (plain === undefined) return undefined;
    this.#entries.delete(id);
    this.#entries.set(id, plain);
    return plain;
  }

  put(id: ObjectId, plain: Uint8Array): void {
    if (plain.length > this.#budget || this.#entries.has(id)) return;
    this.#entries.set(id, plain);
    this.#bytes += plain.length;
    for (const [oldest, bytes] of this.#entries) {
      if (this.#bytes <= this.#budget) break;
      this.#entries.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
