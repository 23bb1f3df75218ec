import {
  ANSWER_SLOT,
  invitationKeys,
  OFFER_SLOT,
  openAnswer,
  openOffer,
  openRequest,
  REQUEST_SLOTS,
  sealRequest,
  type InvitationKeys,
  type JoinAnswer,
  type Offer,
} from '../core/joining/invitation.ts';
import { parseJoinLink, type JoinLink, type RemoteDescriptor } from '../core/joining/link.ts';
import { wordsToSecret } from '../core/joining/words.ts';
import { createSigningKey } from '../core/crypto/signing.ts';
import { isBackfilling } from '../core/replica/late-join.ts';
import { isOwner } from '../core/log/membership.ts';
import type { Head } from '../core/log/record.ts';
import type { SpaceId } from '../core/ids.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { discoverHub } from '../remotes/hub/discover-hub.ts';
import { parseRemoteAddress } from '../remotes/drivers.ts';
import { addRemedy } from './add-remedy.ts';
import { connectHere } from './connect.ts';
import { syncAtHome } from './move-space.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { PERSONAL } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { remoteFailure } from './operations/remote-failure.ts';
import { LEFT_BEHIND } from './operations/status-verdict.ts';
import type { Divergence } from '../core/replica/chain.ts';
import type { SpaceEntry } from './space-registry.ts';
import { reviveCommand } from './sync-remedy.ts';
import { refuseGoingOver, sharedSpace, stepAside, type LeftBehind } from './step-aside.ts';

export interface JoinWish {
  /** A join link; or null to join by words. */
  readonly link: string | null;
  /** Where the mailbox is, for words. */
  readonly address: string | null;
  readonly words: string | null;
  /** What this machine is to be called there; its present name where absent. */
  readonly name?: string | undefined;
  /** Whether this machine's folders may go over from a space that it shares with others. */
  readonly switches?: boolean | undefined;
}

export type Joined =
  | {
      readonly type: 'space';
      readonly space: OpenSpace;
      readonly inviter: string;
      readonly role: string;
      readonly askedName: string;
      readonly behind: LeftBehind | null;
    }
  | { readonly type: 'hub'; readonly remote: RemoteDescriptor; readonly hub: string; readonly askedName: string };

const LOOK_EVERY = 300;
const ASK_WHETHER_OPEN = 5;

/**
 * Joins by link or words (TRUST.md § Joining). Says through `onWait` that the inviter is not there yet. Safe to repeat with the same link
 * after an interruption, be it `kill -9`: this machine finds again what it asked with its keys.
 */
export async function join(
  node: SatchelNode,
  wish: JoinWish,
  onWait: (message: string) => void,
  signal: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<Joined> {
  const invitation = await resolveInvitation(node, wish);
  let remote: Remote | null = null;
  try {
    remote = await connectHere(node, invitation.remote);
    const { offer, answer, askedName, behind } = await exchange(node, invitation, remote, wish, onWait, signal);
    if (!answer.accepted)
      throw new OperationFailure(
        'refused',
        'not-admitted',
        `the inviter said no: ${answer.reason}`,
        'Where that is mended, make a new invitation: satchel invite',
      );
    if (invitation.invites === 'hub') return { type: 'hub', remote: invitation.remote, hub: offer.inviterName, askedName };
    const space = await follow(node, offer, invitation, answer.head, onProgress);
    return { type: 'space', space, inviter: offer.inviterName, role: answer.role, askedName, behind };
  } catch (error) {
    throw explained(error, invitation.remote);
  } finally {
    await remote?.close();
  }
}

function explained(error: unknown, { address }: RemoteDescriptor): unknown {
  if (!(error instanceof RemoteError)) return error;
  // The key pinned by the link is not the one that answers, or something else does.
  if (error.type === 'protocol')
    return new OperationFailure('refused', 'wrong-hub', error.message, 'Make a new invitation: satchel invite');
  // A machine that has not begun has nothing that a doctor could look at.
  const parsed = parseRemoteAddress(address);
  const remedy = parsed.ok ? addRemedy(parsed.value.driver, error.type) : undefined;
  return remedy === undefined ? error : remoteFailure(error, remedy);
}

type Invitation = Pick<JoinLink, 'remote' | 'secret' | 'space' | 'inviter' | 'head'> & { readonly invites: 'space' | 'hub' };

async function resolveInvitation(node: SatchelNode, wish: JoinWish): Promise<Invitation> {
  if (wish.link !== null) {
    const link = parseJoinLink(wish.link);
    if (!link.ok) throw new OperationFailure('usage', 'bad-link', link.error, 'Make a new one on the other machine: satchel invite');
    return link.value;
  }
  const secret = wordsToSecret(wish.words ?? '');
  if (!secret.ok)
    throw new OperationFailure(
      'usage',
      'bad-words',
      secret.error,
      'Read them again from the other machine, where satchel invite showed them',
    );
  const address = wish.address ?? '';
  const found = address.startsWith('http') ? await discoverHub(address) : { address };
  const remote = await offerRemote(node, found, secret.value);
  return {
    invites: remote.offer.space === NO_SPACE ? 'hub' : 'space',
    secret: secret.value,
    remote: remote.descriptor,
    space: null,
    inviter: null,
    head: null,
  };
}

const NO_SPACE = '0'.repeat(64) as SpaceId;

/** By words the hub's key is not known beforehand: the offer, which only the inviter can make, must name the one found. */
async function offerRemote(
  node: SatchelNode,
  found: RemoteDescriptor,
  secret: Uint8Array,
): Promise<{ descriptor: RemoteDescriptor; offer: Offer }> {
  const keys = invitationKeys(secret);
  const remote = await connectHere(node, found, createSigningKey(node.deps.random.bytes(32)));
  try {
    const letter = await remote.mailboxes.read(keys.mailbox, OFFER_SLOT);
    if (letter === null) throw noInvitation();
    const offer = openOffer(letter, keys);
    if (!offer.ok) throw new OperationFailure('refused', 'bad-offer', offer.error, 'Make a new one: satchel invite');
    if ((offer.value.hubKey ?? undefined) !== found.hubKey || (offer.value.tlsPin !== null && offer.value.tlsPin !== found.tlsPin)) {
      throw new OperationFailure(
        'refused',
        'wrong-hub',
        'the hub at this address is not the one that the inviter means: someone may be in between',
        'Join by the link instead, which names its key: satchel invite shows it',
      );
    }
    // A certificate that an authority vouches for is renewed: only the hub's own is pinned.
    const { tlsPin: _found, ...unpinned } = found;
    return { descriptor: offer.value.tlsPin === null ? unpinned : found, offer: offer.value };
  } finally {
    await remote.close();
  }
}

async function exchange(
  node: SatchelNode,
  invitation: Invitation,
  remote: Remote,
  wish: JoinWish,
  onWait: (message: string) => void,
  signal: AbortSignal,
): Promise<{ offer: Offer; answer: JoinAnswer; askedName: string; behind: LeftBehind | null }> {
  const { clock, machine } = node.deps;
  const name = wish.name ?? machine.name;
  const keys = invitationKeys(invitation.secret);
  const offerLetter = await remote.mailboxes.read(keys.mailbox, OFFER_SLOT);
  if (offerLetter === null) throw noInvitation();
  const offer = openOffer(offerLetter, keys);
  if (!offer.ok) throw new OperationFailure('refused', 'bad-offer', offer.error, 'Make a new one: satchel invite');
  if (invitation.space !== null && (offer.value.space !== invitation.space || offer.value.inviter !== invitation.inviter)) {
    throw new OperationFailure(
      'refused',
      'bad-offer',
      'the offer at the hub is for another space than the link',
      'Make a new one: satchel invite',
    );
  }
  // Both are made of one head, in one moment: where they differ, the end of the link was damaged or changed.
  if (invitation.head !== null && !isSameHead(invitation.head, offer.value.head))
    throw new OperationFailure(
      'refused',
      'bad-link',
      'the join link is damaged, or was changed: it ends otherwise than the inviter made it',
      'Copy all of it again, or make a new one on the other machine: satchel invite',
    );
  // Who knows the secret vouches for the offer: a link that names another hub was changed. Nothing is told to either.
  if ((offer.value.hubKey ?? undefined) !== invitation.remote.hubKey || (offer.value.tlsPin ?? undefined) !== invitation.remote.tlsPin)
    throw new OperationFailure(
      'refused',
      'wrong-hub',
      'the link was changed: it names another hub than the inviter means',
      'Make a new one: satchel invite',
    );
  if (offer.value.inviter === machine.key.machine)
    throw new OperationFailure('usage', 'own-link', 'this machine made that invitation itself', 'Use it on the other machine');
  // Before anything is asked of the inviter: the link is good for another try.
  const behind = takesPlace(node, offer.value) ? await sharedSpace(node, offer.value.space) : null;
  if (behind !== null && wish.switches !== true) refuseGoingOver(behind, offer.value.inviterName);
  node.introduced = true;
  const { request, askedName } = await postRequest(node, remote, name, offerLetter, keys, offer.value.expires + 10 * 60_000);
  let waited = 0;
  while (!signal.aborted) {
    const letter = await remote.mailboxes.read(keys.mailbox, ANSWER_SLOT);
    if (letter !== null) {
      const answer = openAnswer(letter, offerLetter, request, keys);
      if (!answer.ok)
        throw new OperationFailure(
          'refused',
          'used-link',
          'this invitation was used already, by another machine',
          'Make a new one: satchel invite',
        );
      return { offer: offer.value, answer: answer.value, askedName, behind };
    }
    if (waited === 10) onWait(`Waiting for ${offer.value.inviterName}: its node must be running to let this machine in.`);
    if (clock.now() > offer.value.expires + 60_000)
      throw new OperationFailure('refused', 'expired', 'the invitation has expired', 'Make a new one: satchel invite');
    waited += 1;
    // It was withdrawn between our look and our letter: nobody will answer.
    if (waited % ASK_WHETHER_OPEN === 0 && (await remote.mailboxes.read(keys.mailbox, OFFER_SLOT)) === null) {
      if ((await remote.mailboxes.read(keys.mailbox, ANSWER_SLOT)) === null) throw noInvitation();
      continue;
    }
    await clock.sleep(LOOK_EVERY, signal);
  }
  throw new OperationFailure(
    'failed',
    'interrupted',
    'joining was interrupted, and may be half done',
    'Run the same again, with the same link: satchel join',
  );
}

function isSameHead(a: Head, b: Head): boolean {
  return a.term === b.term && a.position === b.position && a.hash === b.hash;
}

/** What this machine asked before it was interrupted is asked no second time: the invitation takes one, and may have taken it. */
async function postRequest(
  node: SatchelNode,
  remote: Remote,
  name: string,
  offerLetter: Uint8Array,
  keys: InvitationKeys,
  expires: number,
): Promise<{ readonly request: Uint8Array; readonly askedName: string }> {
  const { random, machine } = node.deps;
  const request = sealRequest({ recipient: machine.recipient, name }, machine.key, offerLetter, keys, random);
  for (const slot of REQUEST_SLOTS) {
    if (await remote.mailboxes.post(keys.mailbox, slot, request, expires)) return { request, askedName: name };
    const letter = await remote.mailboxes.read(keys.mailbox, slot);
    const asked = letter === null ? null : openRequest(letter, offerLetter, keys);
    if (letter === null || asked?.ok !== true) continue;
    if (asked.value.machine === machine.key.machine && asked.value.recipient === machine.recipient)
      return { request: letter, askedName: asked.value.name };
  }
  throw new OperationFailure('refused', 'used-link', 'this invitation was used already', 'Make a new one: satchel invite');
}

/** Registers the space, brings its log, and checks that it is the one promised. */
async function follow(
  node: SatchelNode,
  offer: Offer,
  invitation: Invitation,
  head: { readonly position: number; readonly hash: string },
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<OpenSpace> {
  // A store that was restored, or copied, may have it already, without its keys; and one that looked for it where its home was lost, with them.
  const had = node.spaces.get(offer.space)?.entry;
  const name = takesPlace(node, offer) ? PERSONAL : (had?.name ?? PERSONAL);
  const putBack = name === PERSONAL ? await stepAside(node, offer.space) : null;
  const entry = {
    space: offer.space,
    name,
    remote: invitation.remote,
    addedAt: node.deps.clock.now(),
    recoveryShown: had?.recoveryShown ?? true,
  };
  const report = await syncAtHome(node, await node.updateSpace(entry), onProgress);
  const open = node.spaces.get(offer.space);
  if (open === undefined) throw new Error('a space that was just added is gone');
  const refuse = async (why: string, next?: string): Promise<never> => {
    await (had === undefined ? node.dropSpace(offer.space) : node.updateSpace(had));
    await putBack?.();
    throw new OperationFailure('refused', 'untrusted-log', why, next);
  };
  if (report.divergence !== null) {
    const next = had === undefined ? undefined : otherDirection(had, open, report.divergence);
    return refuse(`the log that the remote shows cannot be trusted: ${report.divergence.type}`, next);
  }
  if (!isOwner(open.replica.membership, offer.inviter)) return refuse('the inviter is no owner in the log that the remote shows');
  for (const promised of [offer.head, head]) {
    const [record] = await node.store.read((tx) => tx.logs.read(offer.space, promised.position, { records: 1, bytes: 1 }));
    // Records before a checkpoint come later; its own chain of hashes leads to them.
    if (record?.position !== promised.position && (await isBackfilling(open.replica))) continue;
    if (record?.hash !== promised.hash) return refuse('the log that the remote shows is not the one that the inviter has');
  }
  return open;
}

/**
 * Where the home was given up on two machines, each of which made another one the home, the logs part, and a machine follows only to a later
 * move than the last one that it knows: which of the two goes on has to be said there.
 */
function otherDirection({ name, remote }: SpaceEntry, { replica }: OpenSpace, divergence: Divergence): string | undefined {
  if (divergence.type === 'broken' || divergence.remote === null) return undefined;
  const { term } = replica.membership;
  if (divergence.remote.term > term) return undefined;
  const same = 'Where the home was given up on both machines (spaces move --lost), there are two now:';
  if (divergence.remote.term < term)
    return `${same} what this machine has was moved later, and goes on. Run here: satchel invite, and there: satchel join, with its link`;
  return `${same} on the machine whose home is to go on, run the move once more, and let the other one in. If that is this one: ${reviveCommand({ name, remote: remote?.address ?? 'here' })}, then satchel invite, and its link there into satchel join`;
}

/** Whether this machine's folders are to be in the space that is offered, from the moment it is joined. A hub is joined with the space that is here. */
function takesPlace(node: SatchelNode, { space }: Offer): boolean {
  if (space === NO_SPACE) return false;
  const had = node.spaces.get(space)?.entry;
  return had === undefined || had.name === PERSONAL || had.name.startsWith(LEFT_BEHIND);
}

function noInvitation(): OperationFailure {
  return new OperationFailure(
    'refused',
    'no-invitation',
    'there is no such invitation there: it was used, has expired, or was made elsewhere',
    'Make a new one: satchel invite',
  );
}
