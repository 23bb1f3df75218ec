import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { signAsMachine } from '../../core/hub-protocol/proofs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { createSessions, SESSION_LIFETIME } from './sessions.ts';

const random = { bytes: (length: number): Uint8Array => new Uint8Array(randomBytes(length)) };
const ORIGIN = 'https://hub.example.org';

describe('sessions of several processes with one key', () => {
  const hub = createSigningKey(randomBytes(32));
  const machine = createSigningKey(randomBytes(32));
  let now = 1_750_000_000_000;
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const process = (key = hub) => createSessions(key, clock, random);

  it('are known to all of them, and to those that begin later, until they expire', () => {
    const { nonce } = process().challenge(machine.machine, randomBytes(32), ORIGIN);
    const opened = process().open(machine.machine, nonce, signAsMachine(machine, hub.machine, nonce, ORIGIN), ORIGIN);
    if (!opened.ok) throw new Error(opened.error);
    const { token, expires } = opened.value;
    expect(process().machineOf(token)).toBe(machine.machine);
    expect(process(createSigningKey(randomBytes(32))).machineOf(token)).toBeNull();
    now = expires - 1;
    expect(process().machineOf(token)).toBe(machine.machine);
    now += 1;
    expect(process().machineOf(token)).toBeNull();
    expect(expires).toBe(1_750_000_000_000 + SESSION_LIFETIME);
  });

  it('are nobody’s where a single character is another', () => {
    const { nonce } = process().challenge(machine.machine, randomBytes(32), ORIGIN);
    const opened = process().open(machine.machine, nonce, signAsMachine(machine, hub.machine, nonce, ORIGIN), ORIGIN);
    if (!opened.ok) throw new Error(opened.error);
    const { token } = opened.value;
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(process().machineOf(token.slice(0, at) + other + token.slice(at + 1))).toBeNull();
    }
    for (const each of [`${token}x`, `${token}=`, token.slice(0, -1), ` ${token}`, '', 'session_'])
      expect(process().machineOf(each)).toBeNull();
  });
});
