import { StoreUnavailable } from '../../core/ports/store.ts';
import type { SpaceId } from '../../core/ids.ts';
import type { BucketWatch } from '../bucket-watch.ts';
import type { SatchelNode } from '../node.ts';
import { counted } from '../counted.ts';
import { failed, passed, some, type Check } from './check.ts';

/** Spaces that are looked at together. */
const TOGETHER = 16;

/**
 * Whether a hub's bucket answers, lets it in, and keeps of each space what this hub can read. Nothing where bodies lie with the store.
 * One request, of seconds at most, and two a space.
 */
export async function checkBucket({ objects: { bucket }, store }: Pick<SatchelNode, 'objects' | 'store'>): Promise<Check[]> {
  if (bucket === undefined) return [];
  try {
    await bucket.ask();
    const spaces = await store.read(({ logs }) => logs.spaces());
    for (let at = 0; at < spaces.length; at += TOGETHER)
      await Promise.all(spaces.slice(at, at + TOGETHER).map((space) => readOn(bucket, space)));
    return [passed('store.bucket', 'the bucket answers'), ...checkStopped(bucket)];
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return [failed('store.bucket', 'high', error.message, error.remedy)];
  }
}

/** That it cannot is said by {@link checkStopped}; that the bucket went away meanwhile, here. */
async function readOn(bucket: BucketWatch, space: SpaceId): Promise<void> {
  try {
    await bucket.readOn(space);
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || !bucket.stopped.has(space)) throw error;
  }
}

/** Of spaces whose bodies are neither taken nor given, as far as that is known: a failed check for each thing that helps. */
export function checkStopped({ stopped }: Pick<BucketWatch, 'stopped'>, id = 'store.bodies'): Check[] {
  const remedies = new Set(Array.from(stopped.values(), ({ remedy }) => remedy));
  return Array.from(remedies, (remedy) => {
    const of = [...stopped].filter(([, trouble]) => trouble.remedy === remedy);
    const reason = `encrypted bodies of ${counted(of.length, 'space')} are neither taken nor given: this hub cannot read on what its bucket says of them`;
    return failed(id, 'high', reason, remedy, some(of.map(([space, { message }]) => `space ${space.slice(0, 12)}: ${message}`)));
  });
}
