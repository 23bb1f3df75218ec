import { describe, expect, it } from 'vitest';
import { createAgeKeyWrapping } from './age-key-wrapping.ts';

const wrapping = createAgeKeyWrapping();
const secret = Buffer.from('an epoch key of 32 bytes, or so.');

describe('age key wrapping', () => {
  it('is opened by its recipient alone', async () => {
    const [mine, theirs] = [await wrapping.generate(), await wrapping.generate()];
    const envelope = await wrapping.wrap(secret, mine.recipient);
    expect(Buffer.from(envelope).includes(secret)).toBe(false);
    expect(Buffer.from((await wrapping.unwrap(envelope, mine.identity)) ?? []).equals(secret)).toBe(true);
    expect(await wrapping.unwrap(envelope, theirs.identity)).toBeNull();
  });

  it('gives null for a damaged envelope, wherever it is damaged', async () => {
    const { identity, recipient } = await wrapping.generate();
    const envelope = await wrapping.wrap(secret, recipient);
    for (let at = 0; at < envelope.length; at += 5) {
      const damaged = Uint8Array.from(envelope);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(await wrapping.unwrap(damaged, identity)).toBeNull();
    }
    expect(await wrapping.unwrap(new Uint8Array(0), identity)).toBeNull();
  });

  it('knows a recipient from anything else', async () => {
    const { identity, recipient } = await wrapping.generate();
    expect(wrapping.isRecipient(recipient)).toBe(true);
    const last = recipient.endsWith('q') ? 'p' : 'q';
    for (const other of [
      '',
      'age1',
      identity,
      recipient.toUpperCase(),
      `${recipient.slice(0, -1)}${last}`,
      `${recipient} `,
      'age1pq1qqqq',
    ]) {
      expect(wrapping.isRecipient(other)).toBe(false);
    }
  });

  it('refuses a malformed recipient', async () => {
    await expect(wrapping.wrap(secret, 'age1nonsense')).rejects.toThrow(RangeError);
  });

  it('takes a key pair that it did not make', async () => {
    const identity = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';
    const recipient = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
    expect(wrapping.isRecipient(recipient)).toBe(true);
    const envelope = await wrapping.wrap(secret, recipient);
    expect(Buffer.from((await wrapping.unwrap(envelope, identity)) ?? []).equals(secret)).toBe(true);
  });
});
