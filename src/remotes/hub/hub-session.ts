import type { SigningKey } from '../../core/crypto/signing.ts';
import { HUB_LIMITS } from '../../core/hub-protocol/limits.ts';
import { CLIENT_NONCE_BYTES, isSignedByHub, signAsMachine } from '../../core/hub-protocol/proofs.ts';
import { bytesToHex, hexToBytes, type MachineId } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { parseJsonObject, toRefusalError } from './answer.ts';
import type { Answer, Exchange, Question } from './http-exchange.ts';
import { patiently, type PatienceDeps } from './patience.ts';

export interface HubSession {
  /** A bearer token; the key is proved first where none is held. Callers at one time share one proof. */
  token(): Promise<string>;
  /** The hub no longer takes this token. */
  drop(token: string): void;
}

export interface HubSessionOptions {
  readonly exchange: Pick<Exchange, 'ask'>;
  /** For a proof that is cut off: a new one is made. */
  readonly patience: PatienceDeps;
  /** As this machine dials it. */
  readonly origin: string;
  /** The hub's pinned key. */
  readonly hub: MachineId;
  readonly signing: SigningKey;
  readonly random: Random;
}

/** Proves this machine's key to the hub, after the hub proved the pinned one. */
export function createHubSession({ exchange, patience, origin, hub, signing, random }: HubSessionOptions): HubSession {
  /** A proof, and its token once that is there: of two proofs, the one begun last need not be the one that ends last. */
  let current: { readonly proof: Promise<string>; token: string | null } | undefined;

  async function prove(): Promise<string> {
    const clientNonce = random.bytes(CLIENT_NONCE_BYTES);
    const challenge = await askJson(exchange, '/v1/auth/challenge', { machine: signing.machine, clientNonce: bytesToHex(clientNonce) });
    const nonce = hexField(challenge, 'nonce');
    if (challenge['hub'] !== hub)
      throw new RemoteError('protocol', 'what answers there is another hub: it shows another key than the pinned one');
    if (challenge['origin'] !== origin) {
      throw new RemoteError('protocol', `the hub is dialled as ${origin}, and sees another address: a proxy must pass Host on as it is`);
    }
    if (!isSignedByHub(hub, { nonce, clientNonce, machine: signing.machine, origin }, hexField(challenge, 'signature'))) {
      throw new RemoteError('protocol', 'what answers there is another hub: it does not hold the pinned key');
    }
    const signature = signAsMachine(signing, hub, nonce, origin);
    const session = await askJson(exchange, '/v1/auth/session', {
      machine: signing.machine,
      nonce: bytesToHex(nonce),
      signature: bytesToHex(signature),
    });
    const { token } = session;
    if (typeof token !== 'string' || !/^[\w-]{16,256}$/.test(token)) throw new RemoteError('protocol', 'the session has no token');
    return token;
  }

  async function proveInto(entry: { token: string | null }): Promise<string> {
    try {
      return (entry.token = await patiently(patience, prove));
    } catch (error) {
      if (current === entry) current = undefined;
      throw error;
    }
  }

  return {
    token() {
      if (current === undefined) {
        const entry = { proof: Promise.resolve(''), token: null };
        current = entry;
        entry.proof = proveInto(entry);
      }
      return current.proof;
    },
    drop(token) {
      if (token === current?.token) current = undefined;
    },
  };
}

/** Asks with the session's token, and once more with a new one where the hub no longer takes it: a 401 was not carried out. */
export async function withSession<T extends Pick<Answer, 'status'>>(
  session: HubSession,
  question: Question,
  ask: (question: Question) => Promise<T>,
): Promise<T> {
  const attempt = async (): Promise<{ answer: T; token: string }> => {
    const token = await session.token();
    return { token, answer: await ask({ ...question, headers: { ...question.headers, authorization: `Bearer ${token}` } }) };
  };
  const first = await attempt();
  if (first.answer.status !== 401) return first.answer;
  session.drop(first.token);
  return (await attempt()).answer;
}

async function askJson(exchange: Pick<Exchange, 'ask'>, path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await exchange.ask({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
    limit: HUB_LIMITS.jsonBytes,
    // A challenge that is asked for twice is two challenges; a proof that arrives twice is refused the second time.
    idempotent: path === '/v1/auth/challenge',
  });
  if (answer.status === 403) throw new RemoteError('unauthorized', toRefusalError(answer).message);
  if (answer.status !== 200) throw toRefusalError(answer);
  const value = parseJsonObject(answer.body);
  if (value === null) throw new RemoteError('protocol', 'the hub answered a proof with something else than JSON');
  return value;
}

function hexField(value: Readonly<Record<string, unknown>>, field: string): Uint8Array {
  const text = value[field];
  if (typeof text !== 'string' || !/^(?:[0-9a-f]{2}){1,128}$/.test(text))
    throw new RemoteError('protocol', `the hub's challenge has no ${field}`);
  return hexToBytes(text);
}
