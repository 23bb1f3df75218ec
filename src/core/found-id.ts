import { sha256Hex } from './crypto/hash.ts';
import { itemKey, type Item } from './item.ts';

/** Letters for the hex digits, none of which is one: what is found is told from a revision at sight. */
const LETTERS = 'klmnopqrstuvwxyz';
const SHOWN = 10;
const FORM = /^([k-z]{4,64})(?::(\d{1,9}))?$/;

/** What names an item on every machine, whatever its revision; and the passage of it, where it has several: `mkqvzuxrnt:12`. */
export function foundId(item: Item, number: number | null): string {
  const id = foundDigits(item)
    .slice(0, SHOWN)
    .replaceAll(/./g, (digit) => LETTERS[parseInt(digit, 16)] as string);
  return number === null ? id : `${id}:${number}`;
}

export interface FoundId {
  readonly number: number | null;
  /** What the digits of its item begin with. */
  readonly digits: string;
  /** Whether an item's id begins so. O(name). */
  readonly isOf: (item: Item) => boolean;
}

/** An id as it was shown, or the beginning of one, four letters at least; `null` for a text that is none. */
export function parseFoundId(text: string): FoundId | null {
  const [, start, number] = FORM.exec(text) ?? [];
  if (start === undefined) return null;
  const digits = start.replaceAll(/./g, (letter) => LETTERS.indexOf(letter).toString(16));
  return { number: number === undefined ? null : Number(number), digits, isOf: (item) => foundDigits(item).startsWith(digits) };
}

/** What ids are made of: 64 hex digits. */
export function foundDigits(item: Item): string {
  return sha256Hex('satchel/v1/found\0', itemKey(item));
}
