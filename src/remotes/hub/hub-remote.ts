import { equalBytes } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { SigningKey } from '../../core/crypto/signing.ts';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import {
  decodeHead,
  decodeIds,
  decodeObjectAnswer,
  decodeOutcome,
  decodePage,
  decodePresence,
  encodeAppend,
  encodeIds,
  encodeObjects,
} from '../../core/hub-protocol/wire.ts';
import { isHex32, type MachineId, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { encodeRecord, headAfter } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError, type AppendOutcome, type Remote, type Segment } from '../../core/ports/remote.ts';
import { checkSpace } from '../checks.ts';
import { isCode, parsed, toRefusalError } from './answer.ts';
import { createArrivedSegments } from './arrived-segments.ts';
import { baseOf } from './hub-address.ts';
import {
  createExchange,
  EXCHANGE_TIMES,
  readAnswer,
  toRemoteError,
  type Answer,
  type ExchangeTimes,
  type Question,
} from './http-exchange.ts';
import { createHubMailboxes } from './hub-mailboxes.ts';
import { createHubSession, withSession } from './hub-session.ts';
import { LIVE_SILENCE, readLive } from './hub-watch.ts';
import { PATIENCE, patientExchange, patiently } from './patience.ts';
import { createHubAgent, ONE_EACH, POOL } from './pinned-agent.ts';

export interface HubRemoteOptions {
  /** `https://host[:port]`; `http:` on loopback only, unless `plainHttp` is declared. Holds no credentials. */
  readonly url: string;
  /** The hub's key, as the link or the configuration pins it. */
  readonly key: MachineId;
  /** SHA-256 of its certificate's key, for a hub with a certificate of its own; without it, the usual authorities vouch. */
  readonly tlsPin?: string;
  /** Who this machine is. */
  readonly signing: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  /** Declares that plain http to this address does not leave the machine (a container's network). */
  readonly plainHttp?: boolean;
  readonly times?: Partial<ExchangeTimes>;
  /** For how long a question that was cut off is asked again, milliseconds. */
  readonly patience?: number;
  /** Silence after which a live stream counts as dead, milliseconds. */
  readonly liveSilence?: number;
}

/**
 * A hub over HTTP (docs/http-api.md). One connection pool; every answer has a limit and a deadline. Nothing is sent
 * before the hub proved its key. Throws RemoteError `unfit` for an address that cannot be used.
 */
export function createHubRemote(options: HubRemoteOptions): Remote {
  const { clock, random, signing } = options;
  const base = baseOf(options.url, options.plainHttp === true);
  const agent = createHubAgent(base.protocol === 'https:', options.tlsPin, POOL);
  const closing = new AbortController();
  const times = { ...EXCHANGE_TIMES, ...options.times };
  const patience = { patience: options.patience ?? PATIENCE, clock, random, closing: closing.signal };
  const exchange = patientExchange(createExchange({ base, agent, closing: closing.signal, clock, times }), patience);
  // Live streams are silent for longer, and have connections of their own.
  const liveTimes = { ...times, idle: options.liveSilence ?? LIVE_SILENCE };
  const liveAgent = createHubAgent(base.protocol === 'https:', options.tlsPin, ONE_EACH);
  const liveExchange = createExchange({ base, agent: liveAgent, closing: closing.signal, clock, times: liveTimes });
  const arrived = createArrivedSegments();
  const session = createHubSession({ exchange, patience, origin: base.origin, hub: options.key, signing, random });

  async function ask(space: SpaceId, path: string, question: SpaceQuestion): Promise<Answer> {
    checkSpace(space);
    const { send, method = send === undefined ? 'GET' : 'POST', limit = HUB_LIMITS.answerBytes, idempotent = true } = question;
    // Said here already, so that nothing travels for nothing.
    if (send !== undefined && send.body.length > send.limit) {
      throw new RemoteError('refused', `${send.body.length} bytes at once; a hub takes ${send.limit}`);
    }
    const sent = send === undefined ? {} : { body: send.body, headers: { 'content-type': send.type ?? 'application/cbor' } };
    return withSession(session, { method, limit, idempotent, ...sent, path: `/v1/spaces/${space}/${path}` }, (asked) =>
      exchange.ask(asked),
    );
  }

  return {
    address: base.origin,

    async spaces() {
      const answer = await withSession(
        session,
        { method: 'GET', path: '/v1/spaces', limit: HUB_LIMITS.jsonBytes, idempotent: true },
        (asked) => exchange.ask(asked),
      );
      if (answer.status !== 200) throw toRefusalError(answer);
      return spacesIn(answer.body);
    },

    async head(space) {
      const answer = await ask(space, 'head', {});
      if (isNoSpace(answer)) return null;
      return parsed(decodeHead(bodyOf(answer)));
    },

    async read(space, from, limit) {
      const page = arrived.page(space, from, limit);
      if (page !== null) return page;
      const answer = await ask(space, `records?from=${from}&records=${whole(limit.records)}&bytes=${whole(limit.bytes)}`, {});
      if (isNoSpace(answer)) return { records: [], head: null };
      return parsed(decodePage(bodyOf(answer)));
    },

    async removal(space) {
      const answer = await ask(space, 'removal', { limit: HUB_LIMITS.envelopeBytes });
      return answer.status === 404 ? null : bodyOf(answer);
    },

    async append(space, expected, segment) {
      const body = encodeAppend({
        expected,
        records: segment.records.map(encodeRecord),
        objects: segment.objects,
        gone: segment.gone ?? [],
      });
      let tries = 0;
      return patiently(patience, async () => {
        tries += 1;
        const answer = await ask(space, 'records', { send: { body, limit: HUB_LIMITS.appendBytes }, idempotent: false });
        // No log there: that is a head too. For one that is to be created it is a refusal.
        if (isNoSpace(answer) && expected.position !== -1) return { type: 'moved', head: null, missing: [] };
        const outcome = outcomeIn(answer);
        return tries > 1 && isOwn(outcome, segment) ? { type: 'appended', head: headAfter(segment.records.at(-1)!) } : outcome;
      });
    },

    async hasObjects(space, ids) {
      checkSpace(space);
      const present = new Set<ObjectId>();
      for (let at = 0; at < ids.length; at += HUB_LIMITS.idsPerHas) {
        const some = ids.slice(at, at + HUB_LIMITS.idsPerHas);
        const answer = await ask(space, 'objects/has', { send: { body: encodeIds(some), limit: HUB_LIMITS.envelopeBytes } });
        if (isNoSpace(answer)) return present;
        for (const id of parsed(decodePresence(bodyOf(answer), some))) present.add(id);
      }
      return present;
    },

    async putObjects(space, objects) {
      checkSpace(space);
      for (let at = 0; at < objects.length; at += HUB_LIMITS.objectsPerBatch) {
        const body = encodeObjects(objects.slice(at, at + HUB_LIMITS.objectsPerBatch));
        const answer = await ask(space, 'objects/put', { send: { body, limit: HUB_LIMITS.objectBatchBytes } });
        if (answer.status !== 204) throw toRefusalError(answer);
      }
    },

    async getObjects(space, ids) {
      if (ids.length > HUB_LIMITS.idsPerGet)
        throw new RemoteError('refused', `at most ${HUB_LIMITS.idsPerGet} objects are fetched at once`);
      const found = arrived.objects(ids);
      let left = [...new Set(ids)].filter((id) => !found.has(id));
      while (left.length > 0) {
        const answer = await ask(space, 'objects/get', { send: { body: encodeIds(left), limit: HUB_LIMITS.envelopeBytes } });
        if (isNoSpace(answer)) return found;
        const { objects, absent } = parsed(decodeObjectAnswer(bodyOf(answer)));
        for (const { id, bytes } of wanted(objects, left)) found.set(id, bytes);
        const gone = new Set(absent);
        const next = left.filter((id) => !found.has(id) && !gone.has(id));
        // Every answer must take us on, or a hub could keep us asking for ever.
        if (next.length === left.length) throw new RemoteError('protocol', 'the hub neither gave objects nor said that they are absent');
        left = next;
      }
      return found;
    },

    async wantedObjects(space, after) {
      const answer = await ask(space, `objects/wanted${after === null ? '' : `?after=${after}`}`, { limit: HUB_LIMITS.envelopeBytes });
      // Hubs before this question was asked say that there is nothing at that address.
      return answer.status === 404 ? [] : parsed(decodeIds(bodyOf(answer), HUB_LIMITS.idsPerWanted));
    },

    async deleteObjects(space, ids) {
      checkSpace(space);
      for (let at = 0; at < ids.length; at += HUB_LIMITS.idsPerDelete) {
        const body = encodeIds(ids.slice(at, at + HUB_LIMITS.idsPerDelete));
        const answer = await ask(space, 'objects/delete', { send: { body, limit: HUB_LIMITS.envelopeBytes } });
        if (answer.status !== 204) throw toRefusalError(answer);
      }
    },

    async readCheckpoint(space) {
      const answer = await ask(space, 'checkpoint', { limit: HUB_LIMITS.checkpointBytes });
      if (isNoSpace(answer) || isCode(answer, 404, 'not-found')) return null;
      return bodyOf(answer);
    },

    async writeCheckpoint(space, position, bytes) {
      const send = { body: bytes, limit: HUB_LIMITS.checkpointBytes, type: 'application/octet-stream' };
      const answer = await ask(space, `checkpoint?position=${position}`, { method: 'PUT', send });
      if (answer.status !== 204) throw toRefusalError(answer);
    },

    mailboxes: createHubMailboxes(exchange, patience),

    async watch(spaces, onHead, signal) {
      if (signal.aborted) return;
      const question: Question = {
        method: 'POST',
        // Hubs that know nothing of it tell of heads alone, or bring smaller segments.
        path: `/v1/live?segments=1&segmentBytes=${HUB_LIMITS.liveSegmentAsked}`,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ spaces: [...new Set(spaces)] })),
        limit: HUB_LIMITS.jsonBytes,
        idempotent: true,
      };
      try {
        const opened = await withSession(session, question, async (asked) => {
          const response = await liveExchange.open(asked, signal);
          if (response.statusCode === 200) return { status: 200, response };
          const refused = await readAnswer(response, HUB_LIMITS.jsonBytes);
          return { status: refused.status, refused };
        });
        if (opened.response === undefined) throw toRefusalError(opened.refused);
        await readLive(opened.response, spaces, (line) => {
          arrived.keep(line);
          onHead(line.space, line.head);
        });
      } catch (error) {
        if (signal.aborted) return;
        throw isOfNetwork(error) ? toRemoteError(error, base) : error;
      }
    },

    async close() {
      closing.abort(new RemoteError('unreachable', `${base.origin} was closed`));
      agent.destroy();
      liveAgent.destroy();
    },
  };
}

interface SpaceQuestion {
  readonly method?: Question['method'];
  readonly send?: { readonly body: Uint8Array; readonly limit: number; readonly type?: string };
  readonly limit?: number;
  readonly idempotent?: boolean;
}

function spacesIn(body: Uint8Array): SpaceId[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    value = null; // refused below
  }
  const spaces = (value as { spaces?: unknown } | null)?.spaces;
  if (!Array.isArray(spaces) || !spaces.every(isHex32)) throw new RemoteError('protocol', 'the hub’s list of spaces is malformed');
  return spaces as SpaceId[];
}

const OUTCOMES: Readonly<Record<number, string>> = { 200: 'appended', 409: 'moved', 424: 'missing-objects' };

function outcomeIn(answer: Answer): AppendOutcome {
  const isOutcome = answer.headers['content-type'] === 'application/cbor' && [200, 409, 424].includes(answer.status);
  if (!isOutcome) throw toRefusalError(answer);
  const outcome = parsed(decodeOutcome(answer.body));
  if (outcome.type !== OUTCOMES[answer.status]) throw new RemoteError('protocol', 'the outcome of an append contradicts its status');
  return outcome;
}

/** Whether what stands behind the expected head is this very segment, from a try that was cut off: all of it stands there, or nothing. */
function isOwn(outcome: AppendOutcome, { records: [first] }: Segment): boolean {
  const [next] = outcome.type === 'moved' ? outcome.missing : [];
  return first !== undefined && next !== undefined && equalBytes(next, encodeRecord(first));
}

function isNoSpace(answer: Answer): boolean {
  return isCode(answer, 404, 'no-space');
}

function bodyOf(answer: Answer): Uint8Array {
  if (answer.status !== 200) throw toRefusalError(answer);
  return answer.body;
}

/** Only what was asked for is kept: more could fill the memory, batch by batch. */
function wanted(objects: readonly SealedObject[], asked: readonly ObjectId[]): SealedObject[] {
  const ids = new Set(asked);
  return objects.filter(({ id }) => ids.has(id));
}

/** Counts that callers give as Infinity travel as the largest. */
function whole(count: number): number {
  return Math.min(Math.floor(count), Number.MAX_SAFE_INTEGER);
}

function isOfNetwork(error: unknown): boolean {
  return error instanceof RemoteError || (error instanceof Error && ('code' in error || error.name === 'AbortError'));
}
