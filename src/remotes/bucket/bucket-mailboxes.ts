import { isHex32 } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Mailboxes } from '../../core/ports/remote.ts';
import { checkLetter, checkMailbox, checkSlot, refused } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { damaged } from './damage.ts';
import { encodeLetter, parseLetter, type Letter } from './letter.ts';
import { createBlobSequence, unlessRemote, type BlobSequence } from './sequence.ts';

interface Box {
  readonly sequence: BlobSequence;
  readonly letters: Letter[];
}

const FOLDER = 'mailboxes';
const NONCE = 16;
/** Of one mailbox, ever: it holds 64 at a time, for one invitation. */
const MOST_LETTERS = 4_096;
/** Mailboxes that one connection remembers. */
const BOXES_KEPT = 64;
/** Mailboxes go so long after their last letter expired, so that no late letter goes along. */
const GRACE = 24 * 60 * 60 * 1000;
/** Letters listed when old ones are looked for. */
const LISTED = 1_000;

/**
 * Mailboxes as numbered letters. Which letter holds a slot is decided by the order of numbers, so that `create` decides
 * who was first. A look is a request for the next number: what was read before is remembered.
 */
export function createBucketMailboxes(blobs: Blobs, clock: Clock, random: Random): Mailboxes {
  const boxes = new Map<string, Box>();
  let isSwept = false;

  function boxOf(mailbox: string): Box {
    const kept = boxes.get(mailbox);
    if (kept !== undefined) return kept;
    if (boxes.size >= BOXES_KEPT) boxes.clear();
    const box: Box = { sequence: createBlobSequence(blobs, `${FOLDER}/${mailbox}`), letters: [] };
    boxes.set(mailbox, box);
    return box;
  }

  /** All letters of it so far; those read by another call meanwhile are not read again. */
  async function follow({ sequence, letters }: Box): Promise<void> {
    for (;;) {
      const number = letters.length;
      const letter = await readLetter(blobs, sequence.name(number));
      if (letter === null) return;
      if (number >= MOST_LETTERS) throw damaged(sequence.name(number), 'no mailbox has so many letters');
      if (letters.length === number) letters.push(letter);
    }
  }

  /** The letters that count: the last one of each slot since the last clearing, unless it expired. */
  function live({ letters }: Box): Map<string, Letter> {
    const bySlot = new Map<string, Letter>();
    for (const letter of letters) {
      if (letter.slot === null) bySlot.clear();
      else bySlot.set(letter.slot, letter);
    }
    for (const [slot, { expires }] of bySlot) if (expires <= clock.now()) bySlot.delete(slot);
    return bySlot;
  }

  async function look(mailbox: string): Promise<Map<string, Letter>> {
    checkMailbox(mailbox);
    const box = boxOf(mailbox);
    await follow(box);
    return live(box);
  }

  /** False where another one came before it. */
  async function add({ sequence, letters }: Box, letter: Letter): Promise<boolean> {
    const number = letters.length;
    if ((await blobs.create(sequence.name(number), encodeLetter(letter, random.bytes(NONCE)))) === 'exists') return false;
    if (letters.length === number) letters.push(letter);
    return true;
  }

  /** Takes away what expired long ago. What a listing lacks goes another time. */
  async function sweep(): Promise<void> {
    if (isSwept) return;
    isSwept = true;
    const { blobs: listed } = await blobs.list(`${FOLDER}/`, { limit: LISTED });
    const byBox = new Map<string, string[]>();
    for (const { name } of listed) {
      const mailbox = name.split('/')[1] ?? '';
      if (isHex32(mailbox)) byBox.set(mailbox, [...(byBox.get(mailbox) ?? []), name]);
    }
    for (const names of byBox.values()) {
      const letters = await Promise.all(names.map((name) => readLetter(blobs, name).catch(unlessRemote)));
      const isOver = letters.every((letter) => letter != null && letter.expires + GRACE < clock.now());
      if (isOver) await blobs.remove(names);
    }
  }

  return {
    async post(mailbox, slot, letter, expires) {
      checkMailbox(mailbox);
      checkSlot(slot);
      checkLetter(letter, expires, clock.now());
      await sweep().catch(unlessRemote);
      const box = boxOf(mailbox);
      for (;;) {
        await follow(box);
        const there = live(box);
        if (there.has(slot)) return false;
        if (there.size >= REMOTE_LIMITS.slotsPerMailbox) throw refused(`this mailbox holds ${there.size} letters, and takes no more`);
        if (await add(box, { slot, expires, bytes: letter })) return true;
      }
    },
    read: async (mailbox, slot) => {
      checkSlot(slot);
      return (await look(mailbox)).get(slot)?.bytes ?? null;
    },
    slots: async (mailbox) => [...(await look(mailbox)).keys()],
    async remove(mailbox) {
      while ((await look(mailbox)).size > 0) {
        const box = boxOf(mailbox);
        const expires = Math.max(...box.letters.map((letter) => letter.expires));
        if (await add(box, { slot: null, expires, bytes: new Uint8Array(0) })) return;
      }
    },
  };
}

async function readLetter(blobs: Blobs, name: string): Promise<Letter | null> {
  const bytes = await blobs.read(name);
  if (bytes === null) return null;
  const letter = parseLetter(bytes);
  if (typeof letter === 'string') throw damaged(name, letter);
  return letter;
}
