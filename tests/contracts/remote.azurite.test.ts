import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAzurite, type Azurite } from '../services/azurite.ts';
import { bucketPlace } from './bucket-place.ts';
import { raceOnBucket } from './bucket-race.ts';
import { openTestBlobs } from './open-test-blobs.ts';
import { describeRemoteContract } from './remote.ts';
import { extent } from '../setup/extent.ts';

let azurite: Azurite;
let count = 0;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

async function container() {
  const { account, endpoint, key } = azurite;
  const name = `remote-${count++}`;
  await azurite.makeContainer(name);
  return () => openTestBlobs(`azure://${account}/${name}/some/where?endpoint=${endpoint}`, { driver: 'azure', type: 'key', key });
}

describeRemoteContract('bucket on Azure Blob (Azurite)', async () => ({
  ...(await bucketPlace(await container())),
  ...extent({ race: { writers: 6, rounds: 4 } }, {}),
}));

it('loses and forks nothing while writers race on Azurite, through calls that fail', async () => {
  const { lost } = await raceOnBucket({ open: await container(), writers: extent(4, 6), rounds: extent(3, 4), loss: extent(0.1, 0.05) });
  expect(lost).toBeGreaterThan(0);
});
