import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { RemoteError, type Mailboxes } from '../../core/ports/remote.ts';
import { checkMailbox, checkSlot } from '../checks.ts';
import { isCode, parseJsonObject, toRefusalError } from './answer.ts';
import type { Answer, Exchange, Question } from './http-exchange.ts';

type MailboxQuestion = Pick<Question, 'method' | 'body' | 'idempotent'> & { readonly slot?: string; readonly expires?: number };

/** Mailboxes need no session: their ids are the capability, and travel in a header. */
export function createHubMailboxes(exchange: Pick<Exchange, 'ask'>): Mailboxes {
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

  return {
    async post(mailbox, slot, letter, expires) {
      if (letter.length > HUB_LIMITS.letterBytes) {
        throw new RemoteError('refused', `a letter of ${letter.length} bytes; a hub takes ${HUB_LIMITS.letterBytes}`);
      }
      const answer = await ask(mailbox, { method: 'POST', slot, expires, body: letter, idempotent: false });
      if (answer.status === 201) return true;
      if (isCode(answer, 409, 'taken')) return false;
      throw toRefusalError(answer);
    },
    async read(mailbox, slot) {
      const answer = await ask(mailbox, { method: 'GET', slot, idempotent: true });
      if (answer.status === 200) return answer.body;
      if (isCode(answer, 404, 'not-found')) return null;
      throw toRefusalError(answer);
    },
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
