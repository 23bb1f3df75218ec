import type { Blobs } from '../core/ports/blobs.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError } from '../core/ports/remote.ts';

export interface ProbeDeps {
  readonly random: Random;
  /** The same bucket, opened with a secret that is wrong. */
  readonly stranger: Blobs | null;
}

const CLAIMANTS = 16;
const ROUNDS = 6;

/**
 * Whether a bucket does what all depends on: that one of many who make a blob at one time makes it, and that its lock is
 * one. Stores differ: some lack conditional writes, some take the condition and ignore it, some check it and write in two
 * steps. Throws RemoteError: `unfit` with the reason, or what the bucket answers (`unauthorized` …). About 150 requests;
 * leaves nothing behind.
 */
export async function probeBlobs(blobs: Blobs, { random, stranger }: ProbeDeps): Promise<void> {
  const nonce = (): Buffer => Buffer.from(random.bytes(24));
  const folder = `probe/${nonce().toString('hex')}`;
  const unfit = (reason: string): RemoteError => new RemoteError('unfit', `${blobs.address}: ${reason}`);
  const made: string[] = [];

  async function claim(round: number): Promise<void> {
    const name = `${folder}/race-${round}`;
    made.push(name);
    const claims = Array.from({ length: CLAIMANTS }, nonce);
    const answers = await Promise.all(claims.map((bytes) => blobs.create(name, bytes)));
    const winners = claims.filter((_, which) => answers[which] === 'created');
    const there = await blobs.read(name);
    if (winners.length !== 1 || there === null || !winners[0]!.equals(there)) {
      throw unfit(
        `its conditional writes are not atomic: of ${CLAIMANTS} who made one blob at a time ${winners.length} were told that they did. Commits would get lost`,
      );
    }
  }

  async function inSequence(): Promise<void> {
    const name = `${folder}/one`;
    if ((await blobs.read(name)) !== null) {
      throw new RemoteError(
        'protocol',
        `${blobs.address}: it answers for a blob that nobody made: is that the endpoint of a store, and no proxy between?`,
      );
    }
    made.push(name);
    const [first, second] = [nonce(), nonce()];
    if ((await blobs.create(name, first)) !== 'created') throw unfit('it says of a new blob that it is there already');
    if ((await blobs.create(name, second)) !== 'exists') {
      throw unfit('it ignores conditions: a blob that was there was written over (If-None-Match). Commits would get lost');
    }
    const [whole, part] = await Promise.all([blobs.read(name), blobs.read(name, { offset: 4, length: 8 })]);
    if (whole === null || !first.equals(whole)) throw unfit('it does not give back what was written');
    if (part === null || !first.subarray(4, 12).equals(part)) throw unfit('it does not give back parts of blobs');
    await blobs.list(`${folder}/`, { limit: 10 });
    if (stranger !== null && (await isOpenTo(stranger, name))) {
      throw unfit('it lets in whoever gives any secret at all: it is open to everybody');
    }
  }

  try {
    await inSequence();
    for (let round = 0; round < ROUNDS; round++) await claim(round);
    await blobs.remove(made);
    for (const name of made.slice(0, 1)) if ((await blobs.read(name)) !== null) throw unfit('it does not remove blobs');
  } catch (error) {
    await blobs.remove(made).catch(() => undefined); // what went wrong before is what matters
    throw error;
  }
}

async function isOpenTo(stranger: Blobs, name: string): Promise<boolean> {
  try {
    return (await stranger.read(name)) !== null;
  } catch (error) {
    if (error instanceof RemoteError) return false;
    throw error;
  }
}
