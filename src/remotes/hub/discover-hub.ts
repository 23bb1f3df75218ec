import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { tlsPinOf } from '../../core/hub-protocol/tls-pin.ts';
import { isHex32 } from '../../core/ids.ts';
import type { RemoteDescriptor } from '../../core/joining/link.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { isOfProxy } from './answer.ts';

const TIMEOUT = 10_000;
const MAX_ANSWER = 16 * 1024;

/**
 * Asks an address who it is: key and certificate as they are found there. Nothing of it is to be trusted before the
 * inviter's offer confirms it. Throws RemoteError. `timeout`: milliseconds.
 */
export function discoverHub(address: string, timeout = TIMEOUT): Promise<RemoteDescriptor> {
  const url = new URL('/v1/hub', address);
  const secure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown): void => reject(new RemoteError('unreachable', message, { cause }));
    // The certificate is pinned by what the offer says, not vouched for by an authority.
    const request = (secure ? httpsRequest : httpRequest)(
      url,
      { signal: AbortSignal.timeout(timeout), ...(secure ? { rejectUnauthorized: false } : {}) },
      (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        const certificate = secure ? (response.socket as TLSSocket).getPeerCertificate(false).raw : undefined;
        if (Number(response.headers['content-length'] ?? 0) > MAX_ANSWER) response.destroy();
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > MAX_ANSWER) response.destroy();
          else parts.push(part);
        });
        response.on('error', (error) => fail(`${url.host} broke off`, error));
        response.on('close', () => {
          if (isOfProxy(response.statusCode)) return fail(`${url.host} answers, and no hub behind it does (status ${response.statusCode})`);
          const key = keyIn(Buffer.concat(parts).toString('utf8'));
          if (response.statusCode !== 200 || key === null) return reject(new RemoteError('protocol', `${url.host} is no Satchel hub`));
          resolve({
            address: url.origin,
            hubKey: key,
            ...(certificate === undefined ? {} : { tlsPin: tlsPinOf(new X509Certificate(certificate)) }),
          });
        });
      },
    );
    request.on('error', (error) => fail(`${url.host} does not answer (${error.message})`, error));
    request.end();
  });
}

function keyIn(text: string): string | null {
  try {
    const value = JSON.parse(text) as { key?: unknown };
    return isHex32(value.key) ? value.key : null;
  } catch {
    return null;
  }
}
