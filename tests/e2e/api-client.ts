import { readFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import path from 'node:path';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { signAsMachine } from '../../src/core/hub-protocol/proofs.ts';
import { bytesToHex, hexToBytes, type MachineId } from '../../src/core/ids.ts';
import { createSystemRandom } from '../../src/node/system.ts';
import type { Machine } from './machine.ts';

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends exactly this. A body whose declared length is longer than it is stays unfinished. */
export function send(address: string, { method, path: target, headers = {}, body }: Question): Promise<Answer> {
  const { hostname, port } = new URL(address);
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const length =
    body === undefined || given.has('content-length') || given.has('transfer-encoding')
      ? {}
      : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: target, headers: { ...length, ...headers }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        sent.destroy();
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    if (given.has('content-length') && body !== undefined) sent.write(body);
    else sent.end(body);
  });
}

/** A session of the machine itself, as its own node would open one. */
export async function sessionOf(machine: Machine, address: string): Promise<string> {
  const stored = JSON.parse(readFileSync(path.join(machine.store, 'keys/machine.json'), 'utf8')) as { seed: string };
  const key = createSigningKey(hexToBytes(stored.seed));
  const post = async (target: string, body: object): Promise<Record<string, string>> => {
    const headers = { 'content-type': 'application/json' };
    const { text } = await send(address, { method: 'POST', path: target, headers, body: JSON.stringify(body) });
    return JSON.parse(text) as Record<string, string>;
  };
  const clientNonce = bytesToHex(createSystemRandom().bytes(32));
  const { hub, nonce, origin } = await post('/v1/auth/challenge', { machine: key.machine, clientNonce });
  const signature = signAsMachine(key, hub as MachineId, hexToBytes(nonce as string), origin as string);
  const { token } = await post('/v1/auth/session', { machine: key.machine, nonce: nonce as string, signature: bytesToHex(signature) });
  return token as string;
}
