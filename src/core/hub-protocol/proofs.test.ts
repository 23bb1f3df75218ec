import { describe, expect, it } from 'vitest';
import { createSigningKey } from '../crypto/signing.ts';
import { bytesToHex, type MachineId } from '../ids.ts';
import { isSignedByHub, isSignedByMachine, signAsHub, signAsMachine, type Challenge } from './proofs.ts';

const hub = createSigningKey(new Uint8Array(32).fill(1));
const machine = createSigningKey(new Uint8Array(32).fill(2));
const challenge: Challenge = {
  nonce: new Uint8Array(40).fill(3),
  clientNonce: new Uint8Array(32).fill(4),
  machine: machine.machine,
  origin: 'https://hub.example:4600',
};

describe('proofs between a hub and a machine', () => {
  it('keep their bytes', () => {
    expect(bytesToHex(signAsHub(hub, challenge))).toMatchInlineSnapshot(
      `"5893ee2ede511fde0b859cfaad4836b0ae67ff044ceffdeb10c30576fdeb768aed01df6df6eaa8c9ae3061ae3ff8f3436506799242fbafde3e7323e7e332e901"`,
    );
    expect(bytesToHex(signAsMachine(machine, hub.machine, challenge.nonce, challenge.origin))).toMatchInlineSnapshot(
      `"827fb98e53d2918dfe8eb0a12a30bfcf1443c0f7b0101b40e5cc74a6ed74672e1ffc6a416da2b1b34f7cf1f73d716a67aa1c7fc94f7c396055c735c972489905"`,
    );
  });

  it('of a hub hold for that challenge only', () => {
    const signature = signAsHub(hub, challenge);
    expect(isSignedByHub(hub.machine, challenge, signature)).toBe(true);
    const others: Challenge[] = [
      { ...challenge, nonce: new Uint8Array(40) },
      { ...challenge, clientNonce: new Uint8Array(32) },
      { ...challenge, machine: hub.machine },
      { ...challenge, origin: 'https://hub.example' },
      // The same bytes, cut elsewhere.
      { ...challenge, nonce: new Uint8Array([...challenge.nonce, 4]), clientNonce: new Uint8Array(31).fill(4) },
    ];
    for (const other of others) expect(isSignedByHub(hub.machine, other, signature)).toBe(false);
    expect(isSignedByHub(machine.machine, challenge, signature)).toBe(false);
  });

  it('of a machine hold for that hub, nonce and origin only, and are not those of a hub', () => {
    const { nonce, origin } = challenge;
    const signature = signAsMachine(machine, hub.machine, nonce, origin);
    const holds = (id: MachineId, at: MachineId, given: Uint8Array, from: string) => isSignedByMachine(id, at, given, from, signature);
    expect(holds(machine.machine, hub.machine, nonce, origin)).toBe(true);
    expect(holds(hub.machine, hub.machine, nonce, origin)).toBe(false);
    expect(holds(machine.machine, machine.machine, nonce, origin)).toBe(false);
    expect(holds(machine.machine, hub.machine, new Uint8Array(40), origin)).toBe(false);
    expect(holds(machine.machine, hub.machine, nonce, `${origin}0`)).toBe(false);
    expect(isSignedByHub(machine.machine, challenge, signature)).toBe(false);
  });
});
