import { setTimeout as sleep } from 'node:timers/promises';
import {
  isServedUpTo,
  parseSpaceHeader,
  SPACE_HEADER,
  spaceMark,
  type LogPlace,
  type SpaceServed,
} from '../../gateways/claude-mem/space-served.ts';
import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';

/** Where a worker is pointed at. */
interface Gateway {
  readonly url: string;
  readonly user: string;
  readonly token: string;
}

/** What this machine has of a space. */
export interface OwnPlace {
  readonly space: string;
  readonly upTo: LogPlace;
}

/** The first that ask have it serve all of its space: 30,000 rows are some seconds. Milliseconds. */
const SERVED_WITHIN = 60_000;
const ASKED_AGAIN = 150;
const ANSWERED_WITHIN = 15_000;
const LANDED_WITHIN = 5_000;

const HELD =
  'that node serves nothing new before claude-mem there, which is connected to it, has run once: start it there, and run this again before it starts here';

/**
 * What this machine has of the personal space, once what it just said of claude-mem's rows has its place in the log, or seconds later; where its
 * node does not run, at once. `null`: there is none, or its log is ordered here, and nobody can ask for it now.
 */
export async function placeOfPersonal({ spaces, isLive }: Pick<SatchelNode, 'spaces' | 'isLive'>): Promise<OwnPlace | null> {
  const open = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (open === undefined || (!isLive && open.entry.remote === null)) return null;
  const { replica } = open;
  const isWaiting = (): boolean => replica.drafts.some(({ changes }) => changes.some(({ item }) => item.kind === claudeMemKind.id));
  for (const until = Date.now() + LANDED_WITHIN; isLive && isWaiting() && Date.now() < until;) await sleep(ASKED_AGAIN);
  const { term, position, space } = replica;
  return term === null ? null : { space, upTo: { term, position } };
}

/**
 * Until another node's gateway serves what its space had when it was asked first, and of a space that this machine has as well, what is here: a
 * row that is served later would be another one to a worker that has it unmarked. At once where no space is behind it, or nobody says so. Gives
 * why it does not, `null` where it does. Rejects with nothing: who does not answer is for others to name.
 */
export async function awaitServed(gateway: Gateway, own: OwnPlace | null): Promise<string | null> {
  const until = Date.now() + SERVED_WITHIN;
  for (;;) {
    const served = await readSpaceServed(gateway);
    if (served === null) return null;
    const isEnough = own !== null && served.space === spaceMark(own.space) ? isServedUpTo(served, own.upTo) : served.upTo !== null;
    if (isEnough) return null;
    if (served.isHeld) return HELD;
    if (Date.now() > until) return 'that node did not serve all that this machine has within a minute';
    await sleep(ASKED_AGAIN);
  }
}

/** `null`: no space is behind it, or nobody says so. */
export async function readSpaceServed({ url, user, token }: Gateway): Promise<SpaceServed | null> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': 'satchel-connect' };
  try {
    const answer = await fetch(`${url}/v1/sync/status`, { headers, redirect: 'error', signal: AbortSignal.timeout(ANSWERED_WITHIN) });
    await answer.body?.cancel();
    return answer.ok ? parseSpaceHeader(answer.headers.get(SPACE_HEADER)) : null;
  } catch (error) {
    if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')) return null;
    throw error;
  }
}
