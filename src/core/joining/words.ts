import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { sha256, type Bytes } from '../crypto/hash.ts';
import { hexToBytes, type RecordHash } from '../ids.ts';
import { fail, ok, type Result } from '../result.ts';

/** A 128-bit secret as twelve words (BIP 39, English: each word is known by its first four letters). */
export function secretToWords(secret: Bytes): string {
  return entropyToMnemonic(secret, wordlist);
}

/** Words as typed → secret. Case and spacing do not matter, four letters of a word are enough. */
export function wordsToSecret(text: string): Result<Uint8Array, string> {
  const typed = text
    .trim()
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  if (typed.length !== 12) return fail(`an invitation has 12 words, not ${typed.length}`);
  const words: string[] = [];
  for (const [index, word] of typed.entries()) {
    const known = wordlist.includes(word)
      ? word
      : word.length >= 4
        ? wordlist.find((w) => w.startsWith(word.slice(0, 4)) && word.length <= w.length && w.startsWith(word))
        : undefined;
    if (known === undefined) return fail(`word ${index + 1} is not one of the words that invitations are made of`);
    words.push(known);
  }
  try {
    return ok(mnemonicToEntropy(words.join(' '), wordlist));
  } catch {
    return fail('these 12 words do not belong together: one is wrong or two changed places');
  }
}

/** Eight words for a head: two machines that show the same ones have read the same log. 88 bits. */
export function headWords(hash: RecordHash): string {
  const bits = BigInt(`0x${Buffer.from(sha256('satchel/v1/head-words\0', hexToBytes(hash))).toString('hex')}`) >> (256n - 88n);
  return Array.from({ length: 8 }, (_, i) => wordlist[Number((bits >> BigInt((7 - i) * 11)) & 2047n)]).join(' ');
}
