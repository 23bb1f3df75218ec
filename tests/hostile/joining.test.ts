import { describe, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import {
  ANSWER_SLOT,
  invitationKeys,
  OFFER_SLOT,
  openAnswer,
  openOffer,
  openRequest,
  REQUEST_SLOTS,
  sealAnswer,
  sealOffer,
  sealRequest,
  type Offer,
} from '../../src/core/joining/invitation.ts';
import { secretToWords, wordsToSecret } from '../../src/core/joining/words.ts';
import type { MachineId, RecordHash, SpaceId } from '../../src/core/ids.ts';
import { createLocalMailboxes } from '../../src/remotes/local-mailboxes.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';

/** The three letters of joining, with a mailbox that the hub owns. */
const random = createSeededRandom('joining');
const secret = random.bytes(16);
const keys = invitationKeys(secret);
const [inviter, joiner, hub] = ['inviter', 'joiner', 'hub'].map(() => createSigningKey(random.bytes(32))) as [
  ReturnType<typeof createSigningKey>,
  ReturnType<typeof createSigningKey>,
  ReturnType<typeof createSigningKey>,
];
const offer: Offer = {
  space: 'ab'.repeat(32) as SpaceId,
  inviter: inviter.machine,
  head: { term: 0, position: 3, hash: 'cd'.repeat(32) as RecordHash },
  expires: 1_700_000_000_000,
  inviterName: 'pi',
  hubKey: null,
  tlsPin: null,
};
const me = { recipient: 'age1me', name: 'laptop' };
const offerLetter = sealOffer(offer, keys, random);
const request = sealRequest(me, joiner, offerLetter, keys, random);
const answer = sealAnswer({ accepted: true, role: 'writer', head: offer.head }, offerLetter, request, keys, random);
const flip = (letter: Uint8Array, at: number): Uint8Array => letter.map((byte, i) => (i === at ? byte ^ 1 : byte));
const wrong = (slot: string) => ({ ok: false, error: `the ${slot} does not fit this invitation` });

describe('joining by a mailbox that a hostile hub keeps', () => {
  it('works where nobody interferes (the control)', () => {
    expect(openOffer(offerLetter, keys)).toEqual({ ok: true, value: offer });
    expect(openRequest(request, offerLetter, keys)).toEqual({ ok: true, value: { machine: joiner.machine, ...me } });
    expect(openAnswer(answer, offerLetter, request, keys)).toMatchObject({ ok: true, value: { accepted: true, role: 'writer' } });
  });

  it('refuses each letter with any byte changed, cut or added', () => {
    for (const [slot, letter, open] of [
      ['offer', offerLetter, (l: Uint8Array) => openOffer(l, keys)],
      ['request', request, (l: Uint8Array) => openRequest(l, offerLetter, keys)],
      ['answer', answer, (l: Uint8Array) => openAnswer(l, offerLetter, request, keys)],
    ] as const) {
      for (let at = 0; at < letter.length; at++) expect(open(flip(letter, at))).toEqual(wrong(slot));
      expect(open(letter.subarray(1))).toEqual(wrong(slot));
      expect(open(Buffer.concat([letter, Buffer.of(0)]))).toEqual(wrong(slot));
      expect(open(new Uint8Array(0))).toEqual(wrong(slot));
      expect(open(new Uint8Array(65 * 1024))).toEqual(wrong(slot));
    }
  });

  it('refuses an offer that the hub makes: it lacks the secret', () => {
    const own = invitationKeys(random.bytes(16));
    expect(openOffer(sealOffer({ ...offer, inviter: hub.machine, space: 'ee'.repeat(32) as SpaceId }, own, random), keys)).toEqual(
      wrong('offer'),
    );
  });

  it('refuses letters of another invitation, and letters in the wrong slot', () => {
    const other = invitationKeys(random.bytes(16));
    expect(openRequest(request, offerLetter, other)).toEqual(wrong('request'));
    expect(openAnswer(request, offerLetter, request, keys)).toEqual(wrong('answer'));
    expect(openRequest(offerLetter, offerLetter, keys)).toEqual(wrong('request'));
    expect(openOffer(answer, keys)).toEqual(wrong('offer'));
  });

  it('refuses a request replayed against a new offer with the same secret', () => {
    const again = sealOffer(offer, keys, random);
    expect(openRequest(request, again, keys)).toEqual(wrong('request'));
  });

  it('refuses an answer to another request', () => {
    const other = sealRequest(me, joiner, offerLetter, keys, random);
    expect(openAnswer(answer, offerLetter, other, keys)).toEqual(wrong('answer'));
  });

  it('refuses a request in the name of a key that did not sign it', () => {
    const thief = { ...hub, machine: joiner.machine };
    const error = 'the request is not signed by the key that it names';
    expect(openRequest(sealRequest(me, thief, offerLetter, keys, random), offerLetter, keys)).toEqual({ ok: false, error });
  });

  it('lets the joiner see when the offer is not of the inviter or space that its link names', () => {
    // Who joins by link compares; who joins by words trusts the secret alone (docs/threat-model.md).
    const swapped = openOffer(sealOffer({ ...offer, inviter: hub.machine }, keys, random), keys);
    expect(swapped).toMatchObject({ ok: true, value: { inviter: hub.machine } });
    expect(swapped.ok && swapped.value.inviter).not.toBe(offer.inviter satisfies MachineId);
  });

  it('refuses wrong words, words in another order, and too few', () => {
    const words = secretToWords(secret).split(' ');
    expect(wordsToSecret(words.join(' '))).toEqual({ ok: true, value: new Uint8Array(secret) });
    expect(wordsToSecret(words.slice(1).join(' '))).toMatchObject({
      ok: false,
      error: expect.stringContaining('12 words, not 11') as unknown,
    });
    expect(wordsToSecret(['zzzz', ...words.slice(1)].join(' '))).toMatchObject({
      ok: false,
      error: expect.stringContaining('word 1') as unknown,
    });
    const other = wordsToSecret(secretToWords(random.bytes(16)));
    expect(other.ok && invitationKeys(other.value).mailbox).not.toBe(keys.mailbox);
  });

  it('writes each slot once: a letter is not replaced, and a request does not burn the other slots', async () => {
    const clock = createTestClock();
    const mailboxes = createLocalMailboxes(await createSqliteStore({ path: ':memory:' }), clock);
    const until = clock.now() + 60_000;
    expect(await mailboxes.post(keys.mailbox, OFFER_SLOT, offerLetter, until)).toBe(true);
    expect(await mailboxes.post(keys.mailbox, OFFER_SLOT, flip(offerLetter, 40), until)).toBe(false);
    expect(await mailboxes.read(keys.mailbox, OFFER_SLOT)).toEqual(Buffer.from(offerLetter));
    expect(await mailboxes.post(keys.mailbox, REQUEST_SLOTS[0], Buffer.from('junk'), until)).toBe(true);
    expect(await mailboxes.post(keys.mailbox, REQUEST_SLOTS[1], request, until)).toBe(true);
    expect(await mailboxes.read(keys.mailbox, ANSWER_SLOT)).toBeNull();
  });
});
