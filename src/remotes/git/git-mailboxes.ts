import { isHex32 } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Mailboxes } from '../../core/ports/remote.ts';
import { checkLetter, checkMailbox, checkSlot, refused } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import type { BranchWriter, Snapshot } from './branch-writer.ts';
import type { GitBranch } from './git-branch.ts';
import { DIRECTORY_MODE, foreign, type Oid } from './git-object.ts';

/** A letter's file is `letters/<mailbox>/<slot>.<expiry>.<bytes>`. */
interface Letter {
  readonly path: string;
  readonly slot: string;
  readonly expires: number;
  readonly length: number;
  readonly oid: Oid;
}

const FOLDER = 'letters';
const NAME = /^([a-z0-9][a-z0-9_-]{0,63})\.(\d{1,16})\.(\d{1,6})$/;
const MESSAGE = 'satchel mail 1';

/**
 * All mailboxes of a repository in one branch, which has no history: each post makes it anew without what expired. A post is O(letters of all
 * mailboxes).
 */
export function createGitMailboxes(branch: GitBranch, writer: BranchWriter, clock: Clock): Mailboxes {
  async function lettersOf({ root }: Snapshot, mailbox: string): Promise<Letter[]> {
    const letters: Letter[] = [];
    for (const [name, { oid }] of await writer.trees.list(root, `${FOLDER}/${mailbox}`)) {
      const [, slot, expires, length] = NAME.exec(name) ?? [];
      if (slot === undefined) throw foreign(`${JSON.stringify(name.slice(0, 80))} among the letters`);
      letters.push({ path: `${FOLDER}/${mailbox}/${name}`, slot, expires: Number(expires), length: Number(length), oid });
    }
    return letters;
  }

  /** Letters of all mailboxes. A damaged one is named to those who use it; the others go on. */
  async function allLetters(snapshot: Snapshot): Promise<Map<string, Letter[]>> {
    const all = new Map<string, Letter[]>();
    for (const [mailbox, { mode }] of await writer.trees.list(snapshot.root, FOLDER)) {
      if (mode !== DIRECTORY_MODE || !isHex32(mailbox)) continue;
      all.set(mailbox, await lettersOf(snapshot, mailbox).catch(() => []));
    }
    return all;
  }

  const isLive = (letter: Letter): boolean => letter.expires > clock.now();

  return {
    async post(mailbox, slot, letter, expires) {
      checkMailbox(mailbox);
      checkSlot(slot);
      checkLetter(letter, expires, clock.now());
      const bytes = Uint8Array.from(letter);
      return writer.change<boolean>(async (snapshot) => {
        const mine = (await lettersOf(snapshot, mailbox)).filter(isLive);
        if (mine.some((each) => each.slot === slot)) return { type: 'done', answer: false };
        const all = await allLetters(snapshot);
        const live = [...all.values()].flat().filter(isLive);
        const boxes = [...all.values()].filter((letters) => letters.some(isLive)).length;
        if (mine.length >= REMOTE_LIMITS.slotsPerMailbox) throw refused(`this mailbox holds ${mine.length} letters, and takes no more`);
        if (mine.length === 0 && boxes >= REMOTE_LIMITS.mailboxes) throw refused('this remote holds as many mailboxes as it takes');
        const total = live.reduce((sum, each) => sum + each.length, bytes.length);
        if (total > REMOTE_LIMITS.mailboxTotalBytes) throw refused('the mailboxes of this remote are full');
        const files = new Map<string, Uint8Array | null>();
        for (const each of [...all.values()].flat()) if (!isLive(each)) files.set(each.path, null);
        files.set(`${FOLDER}/${mailbox}/${slot}.${expires}.${bytes.length}`, bytes);
        return { type: 'change', answer: true, files, message: MESSAGE, forgets: true };
      });
    },
    async read(mailbox, slot) {
      checkMailbox(mailbox);
      checkSlot(slot);
      const found = (await lettersOf(await writer.fresh(), mailbox)).find((each) => each.slot === slot && isLive(each));
      if (found === undefined) return null;
      await branch.ensure([found.oid]);
      return branch.read(found.oid, REMOTE_LIMITS.letterBytes);
    },
    async slots(mailbox) {
      checkMailbox(mailbox);
      return (await lettersOf(await writer.fresh(), mailbox)).filter(isLive).map((each) => each.slot);
    },
    async remove(mailbox) {
      checkMailbox(mailbox);
      await writer.change(async (snapshot) => {
        const letters = await writer.trees.list(snapshot.root, `${FOLDER}/${mailbox}`);
        if (letters.size === 0) return { type: 'done', answer: undefined };
        const files = new Map([...letters.keys()].map((name) => [`${FOLDER}/${mailbox}/${name}`, null]));
        return { type: 'change', answer: undefined, files, message: MESSAGE, forgets: true };
      });
    },
  };
}
