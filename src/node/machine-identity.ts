import { hostname } from 'node:os';
import path from 'node:path';
import { createSigningKey } from '../core/crypto/signing.ts';
import { bytesToHex, hexToBytes, isHex32 } from '../core/ids.ts';
import type { KeyWrapping } from '../core/ports/key-wrapping.ts';
import type { Random } from '../core/ports/random.ts';
import type { MachineIdentity } from '../core/replica/deps.ts';
import { DamagedKeyFile } from './damaged-key-file.ts';
import { nameOfHost } from './machine-name.ts';
import { claimPrivate, readPrivate, writePrivate, type NodeHome } from './home.ts';

export interface StoredIdentity {
  readonly seed: string;
  readonly identity: string;
  readonly recipient: string;
  readonly name: string;
  /** The recipient of the machine that the store was a copy of when this identity was made. */
  readonly copyOf?: string;
}

/** What leads out where this machine's own keys are no use any more. */
const ANEW = 'Then run the same again; or, as a new machine: satchel join LINK, or satchel keys recover ADDRESS';

/** This machine's keys: made at the first start, kept in a 0600 file. */
export async function loadMachineIdentity(
  home: NodeHome,
  deps: { readonly random: Random; readonly wrapping: KeyWrapping },
): Promise<MachineIdentity> {
  const file = path.join(home.keys, 'machine.json');
  // Hubs that begin at once may share the folder: the first one's keys are theirs as well.
  const stored = parseIdentity((await readPrivate(file)) ?? (await claimIdentity(file, deps)), file);
  return { key: createSigningKey(hexToBytes(stored.seed)), identity: stored.identity, recipient: stored.recipient, name: stored.name };
}

async function claimIdentity(file: string, deps: { readonly random: Random; readonly wrapping: KeyWrapping }): Promise<string> {
  const text = JSON.stringify(await makeIdentity(deps, { name: nameOfHost(hostname()) }), null, 2);
  if (await claimPrivate(file, text)) return text;
  const theirs = await readPrivate(file);
  if (theirs === null) throw new DamagedKeyFile(`${file} came and went while it was to be made`, ANEW);
  return theirs;
}

export async function renameMachine(home: NodeHome, name: string): Promise<void> {
  const file = path.join(home.keys, 'machine.json');
  const text = await readPrivate(file);
  if (text === null) throw new DamagedKeyFile(`${file} is missing`, ANEW);
  await writePrivate(file, JSON.stringify({ ...parseIdentity(text, file), name }, null, 2));
}

/** Makes a machine's keys, durable in `file`. */
export async function createIdentity(
  file: string,
  deps: { readonly random: Random; readonly wrapping: KeyWrapping },
  about: Pick<StoredIdentity, 'name' | 'copyOf'>,
): Promise<StoredIdentity> {
  const stored = await makeIdentity(deps, about);
  await writePrivate(file, JSON.stringify(stored, null, 2));
  return stored;
}

async function makeIdentity(
  { random, wrapping }: { readonly random: Random; readonly wrapping: KeyWrapping },
  about: Pick<StoredIdentity, 'name' | 'copyOf'>,
): Promise<StoredIdentity> {
  return { seed: bytesToHex(random.bytes(32)), ...(await wrapping.generate()), ...about };
}

export function parseIdentity(text: string, file: string): StoredIdentity {
  const damaged = (): DamagedKeyFile =>
    new DamagedKeyFile(`${file} is damaged: restore it from a backup, or join again as a new machine (move the file away first)`, ANEW);
  let value: Partial<StoredIdentity>;
  try {
    value = (JSON.parse(text) as Partial<StoredIdentity> | null) ?? {};
  } catch {
    throw damaged();
  }
  const { seed, identity, recipient, name, copyOf } = value;
  if (!isHex32(seed) || typeof identity !== 'string' || typeof recipient !== 'string' || typeof name !== 'string') throw damaged();
  return { seed, identity, recipient, name, ...(typeof copyOf === 'string' ? { copyOf } : {}) };
}
