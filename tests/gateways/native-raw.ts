import { connect } from 'node:net';
import { request, type IncomingHttpHeaders } from 'node:http';
import { createSigningKey, type SigningKey } from '../../src/core/crypto/signing.ts';
import { signAsMachine } from '../../src/core/hub-protocol/proofs.ts';
import { bytesToHex, hexToBytes } from '../../src/core/ids.ts';
import { random, type HubPlace } from './native-place.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: { readonly error?: { readonly code: string; readonly message: string } } & Record<string, unknown>;
}

export interface RawQuestion {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

/** A request with exactly these headers, as no well-meaning client would send it. */
export function ask(hub: { readonly listener: { readonly port: number } }, path: string, question: RawQuestion = {}): Promise<RawAnswer> {
  const { method = question.body === undefined ? 'GET' : 'POST', headers = {}, body } = question;
  return new Promise((resolve, reject) => {
    const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(
      { host: '127.0.0.1', port: hub.listener.port, path, method, headers: { ...length, ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const whole = Buffer.concat(chunks);
          const isJson = response.headers['content-type']?.startsWith('application/json') === true;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            json: isJson ? JSON.parse(whole.toString()) : {},
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends these bytes over a socket, and gives what comes back until the other end closes. */
export function exchangeBytes(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => undefined); // a reset is an answer too
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

export function json(value: unknown): RawQuestion {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export async function challenge(hub: HubPlace, machine: string): Promise<RawAnswer> {
  return ask(hub, '/v1/auth/challenge', json({ machine, clientNonce: bytesToHex(random.bytes(32)) }));
}

/** The proof for a challenge, as a genuine machine makes it. */
export function proof(hub: HubPlace, signing: SigningKey, nonce: string, origin = hub.url): RawQuestion {
  const signature = signAsMachine(signing, hub.hubKey.machine, hexToBytes(nonce), origin);
  return json({ machine: signing.machine, nonce, signature: bytesToHex(signature) });
}

/** A session token of a machine, by the front door. */
export async function sessionOf(hub: HubPlace, signing = createSigningKey(random.bytes(32))): Promise<string> {
  const { json: made } = await challenge(hub, signing.machine);
  const answer = await ask(hub, '/v1/auth/session', proof(hub, signing, made['nonce'] as string));
  return answer.json['token'] as string;
}
