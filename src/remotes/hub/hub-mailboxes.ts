import { equalBytes } from '../../core/crypto/hash.ts';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { RemoteError, type Mailboxes } from '../../core/ports/remote.ts';
import { checkMailbox, checkSlot } from '../checks.ts';
import { isCode, parseJsonObject, toRefusalError } from './answer.ts';
import type { Answer, Exchange, Question } from './http-exchange.ts';
import { patiently, type PatienceDeps } from './patience.ts';

type MailboxQuestion = Pick<Question, 'method' | 'body' | 'idempotent'> & { readonly slot?: string; readonly expires?: number };

/** Mailboxes need no session: their ids are the capability, and travel in a header. */
export function createHubMailboxes(exchange: Pick<Exchange, 'ask'>, patience: PatienceDeps): Mailboxes {
  async function ask(mailbox: string, { slot, expires, ...question }: MailboxQuestion): Promise<Answer> {
    checkMailbox(mailbox);
    if (slot !== undefined) checkSlot(slot);
    const type: Record<string, string> = question.body === undefined ? {} : { 'content-type': 'application/octet-stream' };
    return exchange.ask({
      ...question,
      path: `/v1/mailbox${slot === undefined ? '' : `/${slot}`}${expires === undefined ? '' : `?expires=${expires}`}`,
      headers: { authorization: `Mailbox ${mailbox}`, ...type },
      limit: HUB_LIMITS.letterBytes,
    });
  }

  async function read(mailbox: string, slot: string): Promise<Uint8Array | null> {
    const answer = await ask(mailbox, { method: 'GET', slot, idempotent: true });
    if (answer.status === 200) return answer.body;
    if (isCode(answer, 404, 'not-found')) return null;
    throw toRefusalError(answer);
  }

  return {
    async post(mailbox, slot, letter, expires) {
      if (letter.length > HUB_LIMITS.letterBytes) {
        throw new RemoteError('refused', `a letter of ${letter.length} bytes; a hub takes ${HUB_LIMITS.letterBytes}`);
      }
      let tries = 0;
      return patiently(patience, async () => {
        tries += 1;
        const answer = await ask(mailbox, { method: 'POST', slot, expires, body: letter, idempotent: false });
        if (answer.status === 201) return true;
        if (!isCode(answer, 409, 'taken')) throw toRefusalError(answer);
        if (tries === 1) return false;
        // Taken by this very letter, maybe: a try before was cut off.
        const there = await read(mailbox, slot);
        return there !== null && equalBytes(there, letter);
      });
    },
    read,
    async slots(mailbox) {
      const answer = await ask(mailbox, { method: 'GET', idempotent: true });
      if (answer.status !== 200) throw toRefusalError(answer);
      const slots = parseJsonObject(answer.body)?.['slots'];
      if (!Array.isArray(slots) || !slots.every((slot): slot is string => typeof slot === 'string')) {
        throw new RemoteError('protocol', 'the hub listed the slots of a mailbox as something else');
      }
      return slots;
    },
    async remove(mailbox) {
      const answer = await ask(mailbox, { method: 'DELETE', idempotent: true });
      if (answer.status !== 204) throw toRefusalError(answer);
    },
  };
}
