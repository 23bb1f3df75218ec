import { IndexDamaged } from '../../core/ports/text-index.ts';

/** Words in the title, the text, the tags of a passage. */
export type PassageSizes = readonly [title: number, text: number, tags: number];

/**
 * Where a word stands in a passage: places are counted through title, text and tags, with one that is free in between, so that no
 * phrase reaches from one into the other.
 */
export interface Posting {
  readonly passage: number;
  readonly sizes: PassageSizes;
  readonly places: readonly number[];
}

/** Of the column that a place is in: 0 title, 1 text, 2 tags. */
export function columnOf([title, text]: PassageSizes, place: number): 0 | 1 | 2 {
  return place < title ? 0 : place < title + 1 + text ? 1 : 2;
}

/**
 * Postings of one word as bytes, which may be put one behind the other: each row of them begins with how many bytes it has, and counts passages
 * from its own first one. All numbers are LEB128.
 */
export class PostingsWriter {
  #bytes = new Uint8Array(24);
  #length = 0;
  #last = 0;

  /** In the order of their passages. */
  add(passage: number, sizes: PassageSizes, places: readonly number[]): void {
    this.#number(passage - this.#last);
    this.#last = passage;
    for (const size of sizes) this.#number(size);
    this.#number(places.length);
    let before = 0;
    for (const place of places) {
      this.#number(place - before);
      before = place;
    }
  }

  finish(): Uint8Array {
    const head = new PostingsWriter();
    head.#number(this.#length);
    return Buffer.concat([head.#bytes.subarray(0, head.#length), this.#bytes.subarray(0, this.#length)]);
  }

  #number(value: number): void {
    if (this.#length + 8 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }
}

/** Throws {@link IndexDamaged}. O(bytes). */
export function* readPostings(bytes: Uint8Array): Generator<Posting> {
  let at = 0;
  const number = (end: number): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = at < end ? bytes[at++] : undefined;
      if (byte === undefined || factor > 2 ** 49) throw new IndexDamaged('what it holds of a word makes no sense');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  };
  while (at < bytes.length) {
    const size = number(bytes.length);
    const end = at + size;
    if (end > bytes.length) throw new IndexDamaged('what it holds of a word is cut off');
    for (let passage = 0; at < end;) {
      passage += number(end);
      const sizes: PassageSizes = [number(end), number(end), number(end)];
      const count = number(end);
      if (count > end - at) throw new IndexDamaged('what it holds of a word makes no sense');
      const places: number[] = [];
      for (let place = 0; places.length < count;) places.push((place += number(end)));
      yield { passage, sizes, places };
    }
  }
}
