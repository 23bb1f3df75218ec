import { createFeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { OPS_PER_REQUEST, parseOp, PROTOCOL_VERSION, type Op } from '../../gateways/claude-mem/schema.ts';
import { createServedRows, type ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import { subjectOfOp } from '../../gateways/claude-mem/plan-push.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { isObject } from '../../gateways/claude-mem/canonical-json.ts';
import { servedOp, type ServedFeed, type ServedOp } from './wedged-pull.ts';
import { toldIn, type ToldFeed, type ToldRow } from './compare-rows.ts';

/** A page takes no longer, ms. */
const TIMEOUT = 30_000;

export interface RemoteFeedPlace {
  readonly url: string;
  readonly user: string;
  readonly token: string;
  readonly device: string;
}

/** Why a feed could not be had. `refused`: the hub does not know the token. */
export interface FeedTrouble {
  readonly type: 'refused' | 'trouble';
  readonly message: string;
}

/** What another hub serves a device. */
export interface RemoteFeed extends ToldFeed {
  readonly served: ServedFeed;
}

/** What another hub serves this device, as its worker would read it. O(feed), over the network. */
export async function readRemoteFeed(place: RemoteFeedPlace): Promise<Result<RemoteFeed, FeedTrouble>> {
  const index = createFeedIndex();
  const told = new Map<number, ToldRow>();
  const rows = createServedRows();
  const ops: ServedOp[] = [];
  const read = await readRemoteOps(place, ({ number, op }) => {
    rows.add(op.says);
    const served = servedOp(number, op.digest, op.says);
    if (served !== null) ops.push(served);
    const { id: entity, entity_rev: revision, kind, origin_device_id: origin } = op.says;
    // What was taken away, or stands in for a double, says nothing of what was pushed under it.
    const isGone = kind !== 'mutation' && op.says.deleted;
    const row = toldIn(op.says);
    if (row !== null) told.set(number, row);
    index.add({ number, entity, revision, digest: isGone ? '' : op.digest, subject: subjectOfOp(op), origin });
  });
  if (!read.ok) return read;
  const served: ServedFeed = {
    epoch: read.value,
    behind: (number) => Promise.resolve(ops.filter((each) => each.number > number)),
    rows: () => Promise.resolve(rows),
  };
  return ok({ index, told: (number) => Promise.resolve(told.get(number) ?? null), served });
}

/** The same of its rows alone. */
export async function readRemoteRows(place: RemoteFeedPlace): Promise<Result<ServedRows, string>> {
  const rows = createServedRows();
  const read = await readRemoteOps(place, ({ op }) => rows.add(op.says));
  return read.ok ? ok(rows) : fail(read.error.message);
}

/** Sends ops as this device's worker would. The error says why the hub has none of them, or may not. At most 500 ops. */
export async function pushRemoteOps({ url, user, token, device }: RemoteFeedPlace, ops: readonly Op[]): Promise<Result<void, string>> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': device, 'content-type': 'application/json' };
  const sent = ops.map(({ body, digest }) => ({ body, operation_sha256: digest }));
  const request = JSON.stringify({ protocol_version: PROTOCOL_VERSION, ops: sent });
  try {
    const init: RequestInit = { method: 'POST', headers, body: request, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) };
    const answer = await fetch(`${url}/v1/sync/ops`, init);
    await answer.arrayBuffer();
    return answer.ok ? ok(undefined) : fail(`it answers ${answer.status}`);
  } catch (error) {
    if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')) return fail('it does not answer');
    throw error;
  }
}

/** Tells every op in order, and gives the epoch; what came before an error was told. */
export async function readRemoteOps(
  { url, user, token, device }: RemoteFeedPlace,
  tell: (told: { readonly number: number; readonly op: Op }) => void,
): Promise<Result<string, FeedTrouble>> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': device };
  for (let since = 0; ;) {
    const page = await readPage(`${url}/v1/sync/changes?since=${since}&limit=${OPS_PER_REQUEST}`, headers);
    if (!page.ok) return page;
    for (const { seq, body, operation_sha256: digest } of page.value.ops) {
      const op = parseOp({ body, operation_sha256: digest });
      const number = Number(seq);
      if (!op.ok || !Number.isSafeInteger(number) || number <= since) return trouble('it serves what claude-mem could not apply');
      tell({ number, op: op.value });
      since = number;
    }
    if (page.value.ops.length === 0) return ok(page.value.epoch);
  }
}

interface Page {
  readonly epoch: string;
  readonly ops: readonly Record<string, unknown>[];
}

async function readPage(url: string, headers: Record<string, string>): Promise<Result<Page, FeedTrouble>> {
  try {
    const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
    if (answer.status === 401 || answer.status === 403) return fail({ type: 'refused', message: `it answers ${answer.status}` });
    if (!answer.ok) return trouble(`it answers ${answer.status}`);
    const page: unknown = await answer.json();
    const ops = isObject(page) ? page['ops'] : null;
    const epoch = isObject(page) ? page['epoch'] : null;
    const isPage = Array.isArray(ops) && ops.every(isObject) && typeof epoch === 'string';
    return isPage ? ok({ epoch, ops }) : trouble('it answers what is no page of changes');
  } catch (error) {
    if (error instanceof SyntaxError) return trouble('it answers what is no JSON');
    if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')) return trouble('it does not answer');
    throw error;
  }
}

function trouble(message: string): Result<never, FeedTrouble> {
  return fail({ type: 'trouble', message });
}
