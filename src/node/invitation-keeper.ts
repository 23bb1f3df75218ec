import { bytesToHex, hexToBytes, type SpaceId } from '../core/ids.ts';
import {
  ANSWER_SLOT,
  invitationKeys,
  OFFER_SLOT,
  openRequest,
  REQUEST_SLOTS,
  sealAnswer,
  sealOffer,
  SECRET_BYTES,
  type JoinAnswer,
  type JoinRequest,
} from '../core/joining/invitation.ts';
import { formatJoinLink, type RemoteDescriptor } from '../core/joining/link.ts';
import { secretToWords } from '../core/joining/words.ts';
import type { Role } from '../core/log/control.ts';
import { EMPTY_HEAD } from '../core/log/record.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { addMember, NotAllowed } from '../core/replica/administer.ts';
import { ACCOUNTS, type HubAccount } from './log-authority.ts';
import { writeCheckpoint } from '../core/replica/late-join.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { machineNameProblem } from './machine-name.ts';
import { machineNames } from './machine-names.ts';
import { inSmallHeap } from './small-heap.ts';
import { ownNameIn } from './own-name.ts';
import { takenNames, uniqueName } from './unique-name.ts';
import { ZERO_HASH } from '../core/ids.ts';

/** An open invitation, on the inviter's node. The secret leaves with it: after use, expiry or three failures. */
interface Invitation {
  readonly secret: string;
  readonly invites: 'space' | 'hub';
  readonly space: SpaceId | null;
  readonly role: Role;
  readonly expires: number;
  readonly offer: string;
  /** Requests that did not fit. */
  readonly failures: number;
}

export interface InvitationLink {
  readonly link: string;
  readonly words: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly remote: RemoteDescriptor;
}

const INVITATIONS = 'invitations';
const LOOK_EVERY = 400;
/** Where other processes use the same store, and may have put one there. */
const LOOK_SHARED_EVERY = 5_000;
/** Shorter logs are replayed as quickly as a checkpoint is read. */
const CHECKPOINT_FROM = 100;
/** An answer stays readable for so long after the invitation's end. */
const ANSWER_KEPT = 10 * 60_000;

/** Makes invitations and answers those who come with one: the only place where a secret is checked. */
export class InvitationKeeper {
  readonly #node: SatchelNode;

  /** Whether the store may hold one: where it does not, there is nothing to look for. */
  #mayBeOpen = true;
  /** Wakes {@link run}, which waits for it while there is nothing to look for. */
  #opened: () => void = () => undefined;

  constructor(node: SatchelNode) {
    this.#node = node;
  }

  /** Invites a machine into a space, or (on a hub) to keep its spaces here. Posts the offer. */
  async invite(wish: { readonly space: SpaceId | null; readonly role: Role; readonly lifetime: number }): Promise<InvitationLink> {
    const node = this.#node;
    const { random, clock, machine } = node.deps;
    const open = wish.space === null ? null : node.spaces.get(wish.space);
    if (open === undefined) throw new NotAllowed('no such space here');
    const secret = random.bytes(SECRET_BYTES);
    const keys = invitationKeys(secret);
    const expires = clock.now() + wish.lifetime;
    const descriptor = open === null ? node.descriptor() : (open.entry.remote ?? node.descriptor());
    if (descriptor === null)
      throw new NotAllowed('this node does not listen: start it first (satchel up), so that the other machine can reach it');
    const remote = open === null ? node.local : await this.#remoteOf(open.entry.space);
    const head = open === null ? EMPTY_HEAD : ((await open.replica.head()) ?? EMPTY_HEAD);
    const offer = sealOffer(
      {
        space: (wish.space ?? ZERO_HASH) as SpaceId,
        inviter: machine.key.machine,
        head,
        expires,
        inviterName: (open === null ? null : await ownNameIn(node, open)) ?? machine.name,
        hubKey: descriptor.hubKey ?? null,
        tlsPin: descriptor.tlsPin ?? null,
      },
      keys,
      random,
    );
    await remote.mailboxes.post(keys.mailbox, OFFER_SLOT, offer, expires + ANSWER_KEPT);
    const invitation: Invitation = {
      secret: bytesToHex(secret),
      invites: open === null ? 'hub' : 'space',
      space: wish.space,
      role: wish.role,
      expires,
      offer: bytesToHex(offer),
      failures: 0,
    };
    await node.store.write((tx) => tx.documents.put(INVITATIONS, keys.mailbox, invitation));
    this.#mayBeOpen = true;
    this.#opened();
    const link = formatJoinLink({
      remote: descriptor,
      secret,
      invites: invitation.invites,
      space: wish.space,
      inviter: machine.key.machine,
      head: open === null ? null : head,
    });
    return { link, words: secretToWords(secret), expires, remote: descriptor };
  }

  async open(): Promise<{ readonly id: string; readonly invites: 'space' | 'hub'; readonly expires: number }[]> {
    const all = await this.#node.store.read((tx) => tx.documents.list<Invitation>(INVITATIONS));
    return all.map(({ id, value }) => ({ id: id.slice(0, 8), invites: value.invites, expires: value.expires }));
  }

  /** Before a space's log moves: whoever comes with such an invitation would wait where nobody looks any more. */
  async withdrawAll(space: SpaceId): Promise<void> {
    const all = await this.#node.store.read((tx) => tx.documents.list<Invitation>(INVITATIONS));
    for (const { id, value } of all) {
      if (value.space !== space) continue;
      await this.#withdraw(id, value).catch((error: unknown) => {
        if (!(error instanceof RemoteError)) throw error; // its home is gone, and the mailbox with it
      });
    }
  }

  /** Answers requests while invitations are open. While none is, no timer runs. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#node.deps;
    signal.addEventListener('abort', () => this.#opened(), { once: true });
    while (!signal.aborted) {
      try {
        await this.lookOnce();
      } catch (error) {
        this.#mayBeOpen = true; // the store could not be read: whether there are any is not known
        this.#node.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'invitations could not be looked at');
      }
      if (this.#mayBeOpen) await clock.sleep(LOOK_EVERY, signal);
      else if (this.#node.shared !== null) {
        await clock.sleep(LOOK_SHARED_EVERY, signal);
        this.#mayBeOpen = true;
      } else if (!signal.aborted) await new Promise<void>((resolve) => (this.#opened = resolve));
    }
  }

  /** One that cannot be answered now keeps no other waiting. */
  async lookOnce(): Promise<void> {
    const node = this.#node;
    if (!this.#mayBeOpen) return;
    this.#mayBeOpen = false; // one that is put from here on says so itself
    const open = await node.store.read((tx) => tx.documents.list<Invitation>(INVITATIONS));
    this.#mayBeOpen ||= open.length > 0;
    for (const { id, value } of open) {
      try {
        if (node.deps.clock.now() > value.expires) await this.#withdraw(id, value);
        else if (value.space !== null && !node.spaces.has(value.space)) await this.#burn(id);
        else await this.#look(id, value);
      } catch (error) {
        if (error instanceof RemoteError) continue;
        node.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'an invitation failed');
      }
    }
  }

  async #look(mailbox: string, invitation: Invitation): Promise<void> {
    const remote = invitation.space === null ? this.#node.local : await this.#remoteOf(invitation.space);
    const keys = invitationKeys(hexToBytes(invitation.secret));
    const offer = hexToBytes(invitation.offer);
    const slot = REQUEST_SLOTS[invitation.failures];
    if (slot === undefined) return this.#withdraw(mailbox, invitation);
    const letter = await remote.mailboxes.read(mailbox, slot);
    if (letter === null) return;
    const request = openRequest(letter, offer, keys);
    if (!request.ok) {
      this.#node.log.warn({ reason: request.error }, 'a request to join did not fit its invitation');
      await this.#node.store.write(async ({ documents }) => {
        // Where another process answers as well, it may be over by now.
        if ((await documents.get(INVITATIONS, mailbox)) !== undefined)
          await documents.put(INVITATIONS, mailbox, { ...invitation, failures: invitation.failures + 1 });
      });
      return;
    }
    const answer = await this.#admit(invitation, request.value, remote);
    await remote.mailboxes.post(
      mailbox,
      ANSWER_SLOT,
      sealAnswer(answer, offer, letter, keys, this.#node.deps.random),
      this.#node.deps.clock.now() + ANSWER_KEPT,
    );
    await this.#burn(mailbox);
  }

  async #admit(invitation: Invitation, request: JoinRequest, remote: Remote): Promise<JoinAnswer> {
    const node = this.#node;
    if (!node.deps.wrapping.isRecipient(request.recipient))
      return { accepted: false, reason: 'the joining machine sent a key that is none' };
    const problem = machineNameProblem(request.name);
    if (problem !== null) return { accepted: false, reason: `the name of the joining machine: ${problem}` };
    if (invitation.space === null) {
      const account: HubAccount = { machine: request.machine, addedAt: node.deps.clock.now() };
      await node.store.write((tx) => tx.documents.put(ACCOUNTS, request.machine, account));
      return { accepted: true, role: 'owner', head: EMPTY_HEAD };
    }
    const open = node.spaces.get(invitation.space);
    if (open === undefined) return { accepted: false, reason: 'the inviter left the space' };
    try {
      const { machine, recipient } = request;
      const names = await machineNames(node, open);
      const others = [...names].flatMap(([each, name]) => (each === machine ? [] : [name]));
      const name = uniqueName(request.name, takenNames(others));
      await addMember(open.replica, remote, { machine, recipient, name, role: invitation.role, account: null });
    } catch (error) {
      if (error instanceof NotAllowed) return { accepted: false, reason: error.message };
      throw error;
    }
    const head = (await open.replica.head()) ?? EMPTY_HEAD;
    if (head.position >= CHECKPOINT_FROM) await this.#tryCheckpoint(open, remote);
    return { accepted: true, role: invitation.role, head };
  }

  /** So that the joining machine starts at once; without it, it replays the log. */
  async #tryCheckpoint(open: OpenSpace, remote: Remote): Promise<void> {
    try {
      await inSmallHeap(() => writeCheckpoint(open.replica, remote));
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.#node.log.warn({ type: error.type }, 'no checkpoint could be written');
    }
  }

  /** Who comes with it later is told so at once. */
  async #withdraw(mailbox: string, invitation: Invitation): Promise<void> {
    await this.#burn(mailbox);
    const remote = invitation.space === null ? this.#node.local : await this.#remoteOf(invitation.space);
    await remote.mailboxes.remove(mailbox);
  }

  async #burn(mailbox: string): Promise<void> {
    await this.#node.store.write((tx) => tx.documents.remove(INVITATIONS, mailbox));
  }

  async #remoteOf(space: SpaceId): Promise<Remote> {
    const open = this.#node.spaces.get(space);
    if (open === undefined) throw new NotAllowed('no such space here');
    return open.runner.connected();
  }
}
