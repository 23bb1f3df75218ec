import type { Clock } from '../core/ports/clock.ts';
import type { Mailboxes } from '../core/ports/remote.ts';
import type { DocumentTable, Store } from '../core/ports/store.ts';
import { checkLetter, checkMailbox, checkSlot, refused } from './checks.ts';
import { REMOTE_LIMITS } from './limits.ts';

/** What a mailbox holds; the letters themselves lie apart, so that this stays small. */
interface MailboxDocument {
  readonly slots: Readonly<Record<string, { readonly size: number; readonly expires: number }>>;
}

const MAILBOXES = 'remote-mailboxes';
const LETTERS = 'remote-letters';

/** Mailboxes in documents. A post is O(mailboxes): it clears what has expired and counts the rest. */
export function createLocalMailboxes(store: Store, clock: Clock): Mailboxes {
  async function letterSlots(documents: DocumentTable, mailbox: string): Promise<MailboxDocument['slots']> {
    const box = await documents.get<MailboxDocument>(MAILBOXES, mailbox);
    const now = clock.now();
    return Object.fromEntries(Object.entries(box?.slots ?? {}).filter(([, letter]) => letter.expires > now));
  }

  async function clearExpired(documents: DocumentTable): Promise<{ boxes: number; bytes: number }> {
    const now = clock.now();
    let boxes = 0;
    let bytes = 0;
    for (const { id, value } of await documents.list<MailboxDocument>(MAILBOXES)) {
      const entries = Object.entries(value.slots);
      const kept = entries.filter(([, letter]) => letter.expires > now);
      for (const [slot, letter] of entries) if (letter.expires <= now) await documents.remove(LETTERS, letterId(id, slot));
      if (kept.length === 0) await documents.remove(MAILBOXES, id);
      else if (kept.length < entries.length) await documents.put(MAILBOXES, id, { slots: Object.fromEntries(kept) });
      boxes += kept.length === 0 ? 0 : 1;
      for (const [, letter] of kept) bytes += letter.size;
    }
    return { boxes, bytes };
  }

  return {
    async post(mailbox, slot, letter, expires) {
      checkMailbox(mailbox);
      checkSlot(slot);
      checkLetter(letter, expires, clock.now());
      return store.write(async ({ documents }) => {
        const { boxes, bytes } = await clearExpired(documents);
        const slots = await letterSlots(documents, mailbox);
        if (Object.hasOwn(slots, slot)) return false;
        const filled = Object.keys(slots).length;
        if (filled >= REMOTE_LIMITS.slotsPerMailbox) throw refused(`this mailbox holds ${filled} letters, and takes no more`);
        if (filled === 0 && boxes >= REMOTE_LIMITS.mailboxes) throw refused('this remote holds as many mailboxes as it takes');
        if (bytes + letter.length > REMOTE_LIMITS.mailboxTotalBytes) throw refused('the mailboxes of this remote are full');
        await documents.put(LETTERS, letterId(mailbox, slot), Buffer.from(letter).toString('base64'));
        await documents.put(MAILBOXES, mailbox, { slots: { ...slots, [slot]: { size: letter.length, expires } } });
        return true;
      });
    },
    async read(mailbox, slot) {
      checkMailbox(mailbox);
      checkSlot(slot);
      return store.read(async ({ documents }) => {
        if (!Object.hasOwn(await letterSlots(documents, mailbox), slot)) return null;
        const letter = await documents.get<string>(LETTERS, letterId(mailbox, slot));
        return letter === undefined ? null : Buffer.from(letter, 'base64');
      });
    },
    async slots(mailbox) {
      checkMailbox(mailbox);
      return store.read(async ({ documents }) => Object.keys(await letterSlots(documents, mailbox)));
    },
    async remove(mailbox) {
      checkMailbox(mailbox);
      await store.write(async ({ documents }) => {
        const box = await documents.get<MailboxDocument>(MAILBOXES, mailbox);
        for (const slot of Object.keys(box?.slots ?? {})) await documents.remove(LETTERS, letterId(mailbox, slot));
        await documents.remove(MAILBOXES, mailbox);
      });
    },
  };
}

function letterId(mailbox: string, slot: string): string {
  return `${mailbox}/${slot}`;
}
