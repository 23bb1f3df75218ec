import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/ports/clock.ts';
import { createTlsIdentity, type TlsIdentity } from '../gateways/native/tls-identity.ts';
import { DamagedKeyFile } from './damaged-key-file.ts';
import { claimPrivate, readPrivate, type NodeHome } from './home.ts';

/** Made once, and kept: other machines pin it. */
export async function loadTlsIdentity(home: NodeHome, config: Config, clock: Clock): Promise<TlsIdentity> {
  const kept = await readTlsIdentity(home);
  if (kept !== null) return kept;
  const file = fileOf(home);
  const identity = await createTlsIdentity([...config.names, reachableHost(config), 'localhost'], clock);
  if (await claimPrivate(file, JSON.stringify(identity))) return identity;
  // Another hub with whom the folder is shared was faster: clients pin one certificate.
  return parseTlsIdentity((await readPrivate(file)) ?? 'null', file);
}

/** `null`: none was made yet. Throws DamagedKeyFile. */
export async function readTlsIdentity(home: NodeHome): Promise<TlsIdentity | null> {
  const text = await readPrivate(fileOf(home));
  return text === null ? null : parseTlsIdentity(text, fileOf(home));
}

const fileOf = ({ keys }: NodeHome): string => path.join(keys, 'tls.json');

function parseTlsIdentity(text: string, file: string): TlsIdentity {
  const identity = tryParse(text);
  if (typeof identity?.key === 'string' && typeof identity.cert === 'string') return identity as TlsIdentity;
  throw new DamagedKeyFile(
    `${file} is damaged: restore it from a backup, or move it away; then machines that pinned this certificate are to be invited anew`,
    'Then: satchel up, and satchel invite',
  );
}

function tryParse(text: string): Partial<TlsIdentity> | null {
  try {
    return JSON.parse(text) as Partial<TlsIdentity> | null;
  } catch {
    return null; // cut short, say
  }
}

/** The first name given, else the address that it listens on, else the first one of this machine's network. */
export function reachableHost(config: Config): string {
  const [name] = config.names;
  if (name !== undefined) return name;
  if (config.host !== '0.0.0.0' && config.host !== '::') return config.host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((a) => !a.internal && a.family === 'IPv4')?.address ?? '127.0.0.1';
}
