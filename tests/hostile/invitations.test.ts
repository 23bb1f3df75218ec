import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { hexToBytes, type RecordHash, type SpaceId } from '../../src/core/ids.ts';
import {
  ANSWER_SLOT,
  invitationKeys,
  OFFER_SLOT,
  openRequest,
  REQUEST_SLOTS,
  sealAnswer,
  sealOffer,
  sealRequest,
} from '../../src/core/joining/invitation.ts';
import { formatJoinLink, parseJoinLink, type JoinLink } from '../../src/core/joining/link.ts';
import { secretToWords } from '../../src/core/joining/words.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { connect } from '../../src/node/connect.ts';
import { until } from '../e2e/machine.ts';
import { random } from '../gateways/native-place.ts';
import { ask, Place } from '../node/place.ts';

/** Whole nodes over HTTP: a hub that keeps the mailboxes, an inviter whose node answers, strangers with as many connections as they like. */
describe('an invitation, against who comes uninvited', () => {
  let place: Place;
  let hub: SatchelNode;
  let inviter: SatchelNode;
  let joiner: SatchelNode;
  let space: SpaceId;
  const strangers: Remote[] = [];

  beforeEach(async () => {
    place = await Place.create();
    hub = await place.start('hub', { hub: true });
    inviter = await place.start('inviter');
    await ask(inviter, 'join', { link: (await ask(hub, 'invite', {})).link });
    space = [...inviter.spaces.keys()][0] as SpaceId;
    joiner = await place.start('joiner', { live: false });
  });
  afterEach(async () => {
    await Promise.all(strangers.splice(0).map((remote) => remote.close()));
    await place.dispose();
  });

  async function invite(): Promise<{ readonly link: JoinLink; readonly text: string; readonly words: string; readonly mailbox: string }> {
    const made = await ask(inviter, 'invite', {});
    const link = parseJoinLink(made.link);
    if (!link.ok) throw new Error(link.error);
    return { link: link.value, text: made.link, words: made.words, mailbox: invitationKeys(link.value.secret).mailbox };
  }

  /** A machine that nobody knows, over a connection of its own. */
  async function stranger({ link }: { readonly link: JoinLink }): Promise<Remote> {
    const { clock } = inviter.deps;
    const remote = await connect(link.remote, { clock, random, key: createSigningKey(random.bytes(32)), buckets: null, git: null });
    strangers.push(remote);
    return remote;
  }

  const members = () => [...(inviter.spaces.get(space)?.replica.membership.members.keys() ?? [])];
  const byWords = (address: string, words: string) => ask(joiner, 'join', { link: null, address, words });
  const isClosed = () => until('the invitation is closed', async () => (await inviter.invitations.open()).length === 0);

  /** Refused by that name; nobody was let in, and the machine that came is as it was. */
  async function expectRefused(joining: Promise<unknown>, type: string): Promise<void> {
    const before = { members: members(), spaces: [...joiner.spaces.keys()] };
    await expect(joining).rejects.toMatchObject({ kind: 'refused', type });
    expect({ members: members(), spaces: [...joiner.spaces.keys()] }).toEqual(before);
  }

  /** What someone can make who knows the mailbox, and not the secret: the hub, or who watches it. */
  async function wrongRequest(invitation: Awaited<ReturnType<typeof invite>>, from: Remote): Promise<Uint8Array> {
    const offer = (await from.mailboxes.read(invitation.mailbox, OFFER_SLOT)) as Uint8Array;
    const key = createSigningKey(random.bytes(32));
    return sealRequest({ recipient: joiner.deps.machine.recipient, name: 'x' }, key, offer, invitationKeys(random.bytes(16)), random);
  }

  it('is dead after three requests that do not fit: the right words are refused by name', async () => {
    const invitation = await invite();
    const remote = await stranger(invitation);
    for (const slot of REQUEST_SLOTS) await remote.mailboxes.post(invitation.mailbox, slot, await wrongRequest(invitation, remote), hour());
    await isClosed();
    await until('its mailbox is gone', async () => (await remote.mailboxes.slots(invitation.mailbox)).length === 0);
    await expectRefused(byWords(invitation.link.remote.address, invitation.words), 'no-invitation');
    await expectRefused(ask(joiner, 'join', { link: invitation.text }), 'no-invitation');
  });

  it('is refused where any letter of its link is another one, and lets in who comes with the whole link then', async () => {
    const { text } = await invite();
    const start = text.indexOf('#satchel1.') + '#satchel1.'.length;
    const changed = (at: number): string => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
    const damaged = [`${text.slice(0, -6)}AAAAAA`];
    for (let at = start; at < text.length; at += 5) damaged.push(changed(at));
    const before = members();
    const type: unknown = expect.stringMatching(/^(?:bad-link|bad-offer|no-invitation|wrong-hub)$/);
    for (const link of damaged) await expect(ask(joiner, 'join', { link })).rejects.toMatchObject({ type });
    expect(members()).toEqual(before);
    await ask(joiner, 'join', { link: text });
    expect(members()).toHaveLength(before.length + 1);
  });

  it('counts guesses that come at once, over many connections, as what they are: three', async () => {
    const invitation = await invite();
    const crowd = await Promise.all(Array.from({ length: 8 }, () => stranger(invitation)));
    const letters = await Promise.all(crowd.map((remote) => wrongRequest(invitation, remote)));
    const taken = await Promise.all(
      crowd.flatMap((remote, i) =>
        REQUEST_SLOTS.map((slot) => remote.mailboxes.post(invitation.mailbox, slot, letters[i] as Uint8Array, hour())),
      ),
    );
    expect(taken.filter(Boolean)).toHaveLength(3);
    await isClosed();
    expect(members()).toHaveLength(1);
    await expectRefused(byWords(invitation.link.remote.address, invitation.words), 'no-invitation');
  });

  it('lets the right one in behind two that do not fit', async () => {
    const invitation = await invite();
    const remote = await stranger(invitation);
    for (const slot of REQUEST_SLOTS.slice(0, 2))
      await remote.mailboxes.post(invitation.mailbox, slot, await wrongRequest(invitation, remote), hour());
    await expect(byWords(invitation.link.remote.address, invitation.words)).resolves.toMatchObject({ joined: 'space' });
    expect(members()).toEqual([inviter.deps.machine.key.machine, joiner.deps.machine.key.machine]);
  });

  it('is not found by other words, however many: they lead to other mailboxes, and use none of its tries up', async () => {
    const invitation = await invite();
    for (let i = 0; i < 4; i++) {
      const guess = secretToWords(random.bytes(16));
      await expectRefused(byWords(invitation.link.remote.address, guess), 'no-invitation');
    }
    const remote = await stranger(invitation);
    expect(await remote.mailboxes.slots(invitation.mailbox)).toEqual([OFFER_SLOT]);
    await expect(byWords(invitation.link.remote.address, invitation.words)).resolves.toMatchObject({ joined: 'space' });
  });

  it('lets one in where two come with it at once', async () => {
    const invitation = await invite();
    const other = await place.start('other', { live: false });
    const outcomes = await Promise.allSettled([joiner, other].map((node) => ask(node, 'join', { link: invitation.text })));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const refusal: unknown = outcomes.find((each) => each.status === 'rejected')?.reason;
    expect(refusal).toMatchObject({ kind: 'refused', type: 'used-link' });
    expect(members()).toHaveLength(2);
  });

  it('is refused where it was used, though its letters still lie there', async () => {
    const invitation = await invite();
    await ask(joiner, 'join', { link: invitation.text });
    const remote = await stranger(invitation);
    expect(await remote.mailboxes.slots(invitation.mailbox)).toContain(ANSWER_SLOT);
    const late = await place.start('late', { live: false });
    await expect(ask(late, 'join', { link: invitation.text })).rejects.toMatchObject({ kind: 'refused', type: 'used-link' });
    expect(members()).toHaveLength(2);
  });

  it('is refused where it expired, also to who posted a request before the inviter looked', async () => {
    const invitation = await invite();
    await inviter.store.write(async ({ documents }) => {
      const open = await documents.get<object>('invitations', invitation.mailbox);
      await documents.put('invitations', invitation.mailbox, { ...open, expires: inviter.deps.clock.now() - 1 });
    });
    await isClosed();
    await expectRefused(byWords(invitation.link.remote.address, invitation.words), 'no-invitation');
  });

  it('leads to no other log than the inviter’s: one that lacks the head of its letters is refused', async () => {
    const open = inviter.spaces.get(space);
    const head = await open?.replica.head();
    const descriptor = open?.entry.remote ?? null;
    if (open === undefined || head == null || descriptor === null) throw new Error('no space');
    const { key, name } = inviter.deps.machine;
    // What the inviter has read, and the hub does not show any more: another record at the same place.
    const seen = { ...head, hash: '22'.repeat(32) as RecordHash };
    const secret = random.bytes(16);
    const keys = invitationKeys(secret);
    const remote = await open.runner.connected();
    const fields = { space, inviter: key.machine, head: seen, expires: hour(), inviterName: name };
    const offer = sealOffer({ ...fields, hubKey: descriptor.hubKey ?? null, tlsPin: descriptor.tlsPin ?? null }, keys, random);
    await remote.mailboxes.post(keys.mailbox, OFFER_SLOT, offer, hour());
    const link = formatJoinLink({ remote: descriptor, secret, invites: 'space', space, inviter: key.machine, head: seen });
    const joining = ask(joiner, 'join', { link });
    joining.catch(() => undefined); // looked at below
    await until('it asks', async () => (await remote.mailboxes.slots(keys.mailbox)).includes(REQUEST_SLOTS[0]));
    const letter = (await remote.mailboxes.read(keys.mailbox, REQUEST_SLOTS[0])) as Uint8Array;
    const request = openRequest(letter, offer, keys);
    if (!request.ok) throw new Error(request.error);
    await addMember(open.replica, remote, { ...request.value, role: 'owner', account: null });
    const after = (await open.replica.head()) ?? head;
    const answer = sealAnswer({ accepted: true, role: 'owner', head: after }, offer, letter, keys, random);
    await remote.mailboxes.post(keys.mailbox, ANSWER_SLOT, answer, hour());
    await expect(joining).rejects.toMatchObject({ kind: 'refused', type: 'untrusted-log' });
    expect([...joiner.spaces.keys()]).toEqual([]);
  });

  it('goes on where another invitation cannot be answered', async () => {
    await inviter.store.write(({ documents }) =>
      documents.put('invitations', '00'.repeat(32), {
        secret: '11'.repeat(16),
        invites: 'space',
        space: 'ee'.repeat(32),
        role: 'owner',
        expires: hour(),
        offer: '',
        failures: 0,
      }),
    );
    const invitation = await invite();
    await expect(byWords(invitation.link.remote.address, invitation.words)).resolves.toMatchObject({ joined: 'space' });
    await isClosed();
  });

  it('leaves no words, no secret and no name in the files of its hub', async () => {
    const invitation = await invite();
    await ask(joiner, 'join', { link: invitation.text, name: 'heron-opal-machine' });
    const secret = Buffer.from(hexToBytes(Buffer.from(invitation.link.secret).toString('hex')));
    expect(secret).toHaveLength(16);
    await place.stop('hub');
    const { filesBelow, search } = await import('./plaintext-search.ts');
    const files = await filesBelow(place.home('hub'));
    expect(files.size).toBeGreaterThan(3);
    expect(await search(files, [invitation.words, invitation.words.split(' ').slice(0, 3).join(' '), 'heron-opal-machine'])).toEqual([]);
    for (const bytes of files.values())
      for (const form of [secret, Buffer.from(secret.toString('hex')), Buffer.from(secret.toString('base64url'))])
        expect(bytes.includes(form)).toBe(false);
  });

  function hour(): number {
    return inviter.deps.clock.now() + 60 * 60_000;
  }
});
