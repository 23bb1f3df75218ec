import { createFeedIndex, type FeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { OPS_PER_REQUEST, parseOp, type Op } from '../../gateways/claude-mem/schema.ts';
import { createServedRows, type ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import { subjectOfOp } from '../../gateways/claude-mem/plan-push.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { isObject } from '../../gateways/claude-mem/canonical-json.ts';

/** A page takes no longer, ms. */
const TIMEOUT = 30_000;

export interface RemoteFeedPlace {
  readonly url: string;
  readonly user: string;
  readonly token: string;
  readonly device: string;
}

/** What another hub serves this device, as its worker would read it. The error says why it could not be had. O(feed), over the network. */
export async function readRemoteFeed(place: RemoteFeedPlace): Promise<Result<FeedIndex, string>> {
  const index = createFeedIndex();
  const read = await readRemoteOps(place, 0, ({ number, op }) => {
    const { id: entity, entity_rev: revision, kind, origin_device_id: origin } = op.says;
    // What was taken away, or stands in for a double, says nothing of what was pushed under it.
    const isGone = kind !== 'mutation' && op.says.deleted;
    index.add({ number, entity, revision, digest: isGone ? '' : op.digest, subject: subjectOfOp(op), origin });
  });
  return read.ok ? ok(index) : read;
}

/** The same of its rows alone. */
export async function readRemoteRows(place: RemoteFeedPlace): Promise<Result<ServedRows, string>> {
  const rows = createServedRows();
  const read = await readRemoteOps(place, 0, ({ op }) => rows.add(op.says));
  return read.ok ? ok(rows) : read;
}

/** An op as another hub serves it. */
export interface RemoteOp {
  readonly number: number;
  readonly op: Op;
}

/** Every op behind `after`, in order. The error says why they could not be had; what came before it was told. */
export async function readRemoteOps(
  { url, user, token, device }: RemoteFeedPlace,
  after: number,
  tell: (op: RemoteOp) => void,
): Promise<Result<void, string>> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': device };
  for (let since = after; ;) {
    const page = await readPage(`${url}/v1/sync/changes?since=${since}&limit=${OPS_PER_REQUEST}`, headers);
    if (!page.ok) return page;
    for (const { seq, body, operation_sha256: digest } of page.value) {
      const op = parseOp({ body, operation_sha256: digest });
      const number = Number(seq);
      if (!op.ok || !Number.isSafeInteger(number) || number <= since) return fail('it serves what claude-mem could not apply');
      tell({ number, op: op.value });
      since = number;
    }
    if (page.value.length === 0) return ok(undefined);
  }
}

async function readPage(url: string, headers: Record<string, string>): Promise<Result<readonly Record<string, unknown>[], string>> {
  try {
    const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
    if (!answer.ok) return fail(`it answers ${answer.status}`);
    const page: unknown = await answer.json();
    const ops = isObject(page) ? page['ops'] : null;
    return Array.isArray(ops) && ops.every(isObject) ? ok(ops) : fail('it answers what is no page of changes');
  } catch (error) {
    if (error instanceof SyntaxError) return fail('it answers what is no JSON');
    if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')) return fail('it does not answer');
    throw error;
  }
}
