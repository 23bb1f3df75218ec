import { verifySignature, type SigningKey } from '../crypto/signing.ts';
import type { Bytes } from '../crypto/hash.ts';
import { hexToBytes, type MachineId } from '../ids.ts';

/**
 * How a hub and a machine prove themselves to each other (docs/http-api.md § Sessions). The hub signs first, over a
 * nonce of the machine's own, so that nothing is signed or sent to a wrong hub; the machine then signs the hub's nonce
 * together with the hub's key and the origin at which it reaches it, so that no hub can use the signature elsewhere.
 */
export const NONCE_BYTES = 40;
export const CLIENT_NONCE_BYTES = 32;

const HUB_TAG = 'satchel/v1/hub-challenge';
const MACHINE_TAG = 'satchel/v1/hub-auth';

export interface Challenge {
  /** {@link NONCE_BYTES}, made by the hub. */
  readonly nonce: Bytes;
  /** {@link CLIENT_NONCE_BYTES}, made by the machine. */
  readonly clientNonce: Bytes;
  readonly machine: MachineId;
  /** Of the hub's URL as the machine dials it, e.g. `https://pi.lan:4600`. */
  readonly origin: string;
}

export function signAsHub(key: SigningKey, challenge: Challenge): Bytes {
  return key.sign(HUB_TAG, hubMessage(challenge));
}

export function isSignedByHub(hub: MachineId, challenge: Challenge, signature: Bytes): boolean {
  return hasNonceLengths(challenge) && verifySignature(hub, HUB_TAG, hubMessage(challenge), signature);
}

export function signAsMachine(key: SigningKey, hub: MachineId, nonce: Bytes, origin: string): Bytes {
  return key.sign(MACHINE_TAG, machineMessage(hub, nonce, origin));
}

export function isSignedByMachine(machine: MachineId, hub: MachineId, nonce: Bytes, origin: string, signature: Bytes): boolean {
  return nonce.length === NONCE_BYTES && verifySignature(machine, MACHINE_TAG, machineMessage(hub, nonce, origin), signature);
}

function hasNonceLengths({ nonce, clientNonce }: Challenge): boolean {
  return nonce.length === NONCE_BYTES && clientNonce.length === CLIENT_NONCE_BYTES;
}

// All parts but the last have fixed lengths, so the concatenations are unambiguous.
function hubMessage({ nonce, clientNonce, machine, origin }: Challenge): Bytes {
  return Buffer.concat([nonce, clientNonce, hexToBytes(machine), Buffer.from(origin)]);
}

function machineMessage(hub: MachineId, nonce: Bytes, origin: string): Bytes {
  return Buffer.concat([hexToBytes(hub), nonce, Buffer.from(origin)]);
}
