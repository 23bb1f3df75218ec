import { request } from 'node:http';
import { request as secureRequest } from 'node:https';

const TIMEOUT = 5_000;

/** A hub's clock as its Date header shows it, ms since 1970; `null` where it does not answer. Not to be relied on. */
export function remoteTime(address: string): Promise<number | null> {
  const url = new URL('/healthz', address);
  const secure = url.protocol === 'https:';
  return new Promise((resolve) => {
    // Nothing is sent and nothing depends on the answer, so the certificate does not matter.
    const sent = (secure ? secureRequest : request)(
      url,
      { timeout: TIMEOUT, ...(secure ? { rejectUnauthorized: false } : {}) },
      (response) => {
        response.resume();
        const time = Date.parse(response.headers.date ?? '');
        resolve(Number.isNaN(time) ? null : time);
      },
    );
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(null));
    sent.on('close', () => resolve(null));
    sent.end();
  });
}
