import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHex32 } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { RemoteError, type Mailboxes } from '../../core/ports/remote.ts';
import { checkLetter, checkMailbox, checkSlot, refused } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { unless } from './errors.ts';
import type { FolderFiles } from './files.ts';
import { encodeFrame, readFrame, readFrameHead } from './frame.ts';

/** A letter's file is `<slot>.<turn>`, its expiry (8) the frame's head. A slot whose letter expired takes its next turn. */
interface Letter {
  readonly name: string;
  readonly slot: string;
  readonly turn: number;
  readonly expires: number;
}

const TURN = /^([a-z0-9][a-z0-9_-]{0,63})\.(\d{6})$/;
/** Mailboxes are cleared so long after their last letter expired, so that no late letter is cleared along. */
const GRACE = 24 * 60 * 60 * 1000;

/** Mailboxes as folders of letters. A post is O(letters of all mailboxes): it clears what expired and counts the rest. */
export function createFolderMailboxes(files: FolderFiles, directory: string, clock: Clock): Mailboxes {
  /** The newest letter of each slot, expired or not. */
  async function letters(mailbox: string): Promise<Letter[]> {
    const newest = new Map<string, { name: string; turn: number }>();
    for (const name of (await readdir(join(directory, mailbox)).catch(unless('ENOENT'))) ?? []) {
      const [, slot, digits] = TURN.exec(name) ?? [];
      if (slot === undefined) continue;
      const turn = Number(digits);
      if (turn >= (newest.get(slot)?.turn ?? 0)) newest.set(slot, { name, turn });
    }
    const found: Letter[] = [];
    for (const [slot, { name, turn }] of newest) {
      const letter = await readFrameHead(join(directory, mailbox, name), 'LTR1');
      if (letter !== null && letter.head.length === 8) found.push({ name, slot, turn, expires: Number(letter.head.readBigUInt64BE(0)) });
    }
    return found;
  }

  async function clearExpired(): Promise<{ boxes: number; bytes: number }> {
    let boxes = 0;
    let bytes = 0;
    for (const mailbox of ((await readdir(directory).catch(unless('ENOENT'))) ?? []).filter(isHex32)) {
      // A damaged letter is named to those who use its mailbox; the others go on.
      const there = await letters(mailbox).catch(unlessDamaged);
      const last = Math.max(0, ...there.map((letter) => letter.expires));
      if (there.length > 0 && last + GRACE < clock.now()) {
        await files.discard(join(directory, mailbox));
        continue;
      }
      if (there.some((letter) => letter.expires > clock.now())) boxes += 1;
      for (const letter of there) bytes += (await stat(join(directory, mailbox, letter.name)).catch(unless('ENOENT')))?.size ?? 0;
    }
    return { boxes, bytes };
  }

  return {
    async post(mailbox, slot, letter, expires) {
      checkMailbox(mailbox);
      checkSlot(slot);
      checkLetter(letter, expires, clock.now());
      const { boxes, bytes } = await clearExpired();
      const there = await letters(mailbox);
      const before = there.find((each) => each.slot === slot);
      const live = there.filter((each) => each.expires > clock.now());
      if (before !== undefined && live.includes(before)) return false;
      if (live.length >= REMOTE_LIMITS.slotsPerMailbox) throw refused(`this mailbox holds ${live.length} letters, and takes no more`);
      if (live.length === 0 && boxes >= REMOTE_LIMITS.mailboxes) throw refused('this remote holds as many mailboxes as it takes');
      if (bytes + letter.length > REMOTE_LIMITS.mailboxTotalBytes) throw refused('the mailboxes of this remote are full');
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(expires));
      const turn = String(before === undefined ? 0 : before.turn + 1).padStart(6, '0');
      return files.publish(join(directory, mailbox, `${slot}.${turn}`), encodeFrame('LTR1', head, letter));
    },
    async read(mailbox, slot) {
      checkMailbox(mailbox);
      checkSlot(slot);
      const found = (await letters(mailbox)).find((each) => each.slot === slot && each.expires > clock.now());
      if (found === undefined) return null;
      return (await readFrame(join(directory, mailbox, found.name), 'LTR1'))?.payload ?? null;
    },
    async slots(mailbox) {
      checkMailbox(mailbox);
      return (await letters(mailbox)).filter((each) => each.expires > clock.now()).map((each) => each.slot);
    },
    async remove(mailbox) {
      checkMailbox(mailbox);
      await files.discard(join(directory, mailbox));
    },
  };
}

function unlessDamaged(error: unknown): Letter[] {
  if (error instanceof RemoteError && error.type === 'protocol') return [];
  throw error;
}
