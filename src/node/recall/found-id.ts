import { sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';

/** Letters for the hex digits, none of which is one: what is found is told from a revision at sight. */
const LETTERS = 'klmnopqrstuvwxyz';
const SHOWN = 10;
const FORM = /^([k-z]{4,64})(?::(\d{1,9}))?$/;

/** What names an item on every machine, whatever its revision; and the passage of it, where it has several: `mkqvzuxrnt:12`. */
export function foundId(item: Item, number: number | null): string {
  const id = digitsOf(item)
    .slice(0, SHOWN)
    .replaceAll(/./g, (digit) => LETTERS[parseInt(digit, 16)] as string);
  return number === null ? id : `${id}:${number}`;
}

export interface FoundId {
  readonly number: number | null;
  /** Whether an item's id begins so. O(name). */
  readonly isOf: (item: Item) => boolean;
}

/** An id as it was shown, or the beginning of one, four letters at least; `null` for a text that is none. */
export function parseFoundId(text: string): FoundId | null {
  const [, start, number] = FORM.exec(text) ?? [];
  if (start === undefined) return null;
  const digits = start.replaceAll(/./g, (letter) => LETTERS.indexOf(letter).toString(16));
  return { number: number === undefined ? null : Number(number), isOf: (item) => digitsOf(item).startsWith(digits) };
}

function digitsOf(item: Item): string {
  return sha256Hex('satchel/v1/found\0', itemKey(item));
}
