import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { sha256, type Bytes } from '../crypto/hash.ts';
import { hexToBytes, type MachineId, type RecordHash } from '../ids.ts';
import { fail, ok, type Result } from '../result.ts';

/** A secret of 128 bits as twelve words, one of 256 bits as 24 (BIP 39, English: each word is known by its first four letters). */
export function secretToWords(secret: Bytes): string {
  return entropyToMnemonic(secret, wordlist);
}

/** Words as typed → secret. Case, spacing and numbering do not matter, four letters of a word are enough. */
export function wordsToSecret(text: string, count: 12 | 24 = 12): Result<Uint8Array, string> {
  const what = count === 12 ? 'an invitation' : 'a recovery key';
  const typed = text
    .trim()
    .toLowerCase()
    .split(/[\s,.:\d]+/)
    .filter((word) => word !== '');
  if (typed.length !== count) return fail(`${what} has ${count} words, not ${typed.length}`);
  const words: string[] = [];
  for (const [index, word] of typed.entries()) {
    const known = wordlist.includes(word)
      ? word
      : word.length >= 4
        ? wordlist.find((w) => w.startsWith(word.slice(0, 4)) && word.length <= w.length && w.startsWith(word))
        : undefined;
    if (known === undefined) return fail(`word ${index + 1} is not one of the words that ${what} is made of`);
    words.push(known);
  }
  try {
    return ok(mnemonicToEntropy(words.join(' '), wordlist));
  } catch {
    return fail(`these ${count} words do not belong together: one is wrong or two changed places`);
  }
}

/** Eight words for a head: two machines that show the same ones have read the same log. 88 bits. */
export function headWords(hash: RecordHash): string {
  return eightWords(sha256('satchel/v1/head-words\0', hexToBytes(hash)));
}

/** Eight words for a machine's key: what two people read to each other to be sure which machine is meant. 88 bits. */
export function keyWords(machine: MachineId): string {
  return eightWords(sha256('satchel/v1/key-words\0', hexToBytes(machine)));
}

function eightWords(hash: Bytes): string {
  const bits = BigInt(`0x${Buffer.from(hash).toString('hex')}`) >> (256n - 88n);
  return Array.from({ length: 8 }, (_, i) => wordlist[Number((bits >> BigInt((7 - i) * 11)) & 2047n)]).join(' ');
}
