import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { HUB_LIMITS } from '../../src/core/hub-protocol/limits.ts';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { createSpaceWriter, sealedObject, segment } from '../contracts/space-writer.ts';
import { startHub, type HubPlace } from './native-place.ts';

let hub: HubPlace;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

// Drafts of a week are sent as one: each has an object of a few hundred bytes, so that a batch of 4 MiB holds more than the hub takes at once.
it('takes more small objects than one request may have', async () => {
  const signing = createSigningKey(randomBytes(32));
  const writer = createSpaceWriter({ key: signing });
  const author = hub.connect({ signing });
  await author.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  const objects = Array.from({ length: HUB_LIMITS.objectsPerBatch + 1 }, () => sealedObject(16));
  await author.putObjects(writer.space, objects);
  expect(
    (
      await author.hasObjects(
        writer.space,
        objects.map(({ id }) => id),
      )
    ).size,
  ).toBe(objects.length);
});
