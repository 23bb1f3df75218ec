import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { NONCE_BYTES, signAsHub } from '../../core/hub-protocol/proofs.ts';
import { bytesToHex, hexToBytes } from '../../core/ids.ts';
import { createHubSession } from './hub-session.ts';
import type { Answer, Question } from './http-exchange.ts';

const random = { bytes: (length: number): Uint8Array => new Uint8Array(randomBytes(length)) };

const patience = { patience: 0, clock: { now: () => 0, sleep: async () => undefined }, random, closing: new AbortController().signal };

/** A hub that gives a token for each proof, when it is told to. */
function createHub() {
  const [hub, signing, origin] = [createSigningKey(random.bytes(32)), createSigningKey(random.bytes(32)), 'http://hub'];
  const waiting: (() => void)[] = [];
  let proofs = 0;
  const answerTo = (body: object): Answer => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) }) as unknown as Answer;
  const ask = async ({ path, body }: Question): Promise<Answer> => {
    const asked = JSON.parse(Buffer.from(body as Uint8Array).toString()) as { clientNonce: string };
    if (path === '/v1/auth/challenge') {
      const nonce = random.bytes(NONCE_BYTES);
      const signature = signAsHub(hub, { nonce, clientNonce: hexToBytes(asked.clientNonce), machine: signing.machine, origin });
      return answerTo({ nonce: bytesToHex(nonce), hub: hub.machine, origin, signature: bytesToHex(signature) });
    }
    const token = `token-of-proof-${(proofs += 1)}`;
    await new Promise<void>((resolve) => waiting.push(resolve));
    return answerTo({ token });
  };
  return { session: createHubSession({ exchange: { ask }, patience, origin, hub: hub.machine, signing, random }), waiting };
}

it('a token that the hub takes no more is dropped, however many callers learn it at once, and in whatever order', async () => {
  const { session, waiting } = createHub();
  const answer = async (): Promise<void> => {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    for (const each of waiting.splice(0).toReversed()) each();
  };
  const first = session.token();
  await answer();
  const old = await first;
  // The hub was started anew: two callers are refused, one after the other, while the first proves the key again.
  session.drop(old);
  const second = session.token();
  await expect.poll(() => waiting.length).toBe(1);
  session.drop(old);
  const third = session.token();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await answer();
  const tokens = await Promise.all([second, third]);
  expect(tokens[0]).toBe(tokens[1]);
  // And once more.
  session.drop(await session.token());
  const fourth = session.token();
  await answer();
  expect(tokens).not.toContain(await fourth);
});
