import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';
import { tlsPinOf } from '../../core/hub-protocol/tls-pin.ts';

/** A certificate of the hub's own. PEM; `key` is secret and lies in a 0600 file of the caller's. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

const YEARS = 20;

/** Made once, at the first start: nodes pin its key, so expiry and names are for people and proxies only. About 20 ms. */
export async function createTlsIdentity(names: readonly string[], clock: Clock): Promise<TlsIdentity> {
  const notBeforeDate = new Date(clock.now() - 24 * 60 * 60 * 1000); // clocks of nodes may be behind
  const notAfterDate = new Date(notBeforeDate);
  notAfterDate.setUTCFullYear(notAfterDate.getUTCFullYear() + YEARS);
  const altNames = names.map((name) => (isIP(name) === 0 ? { type: 2 as const, value: name } : { type: 7 as const, ip: name }));
  const { generate } = await import('selfsigned'); // once in a hub's life
  const pems = await generate([{ name: 'commonName', value: 'satchel hub' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName' as const, altNames }]),
    ],
  });
  return { key: pems.private, cert: pems.cert };
}

/** What travels in links, for nodes to pin. Throws on a certificate that does not parse. */
export function tlsPinOfIdentity(identity: TlsIdentity): string {
  return tlsPinOf(new X509Certificate(identity.cert));
}
