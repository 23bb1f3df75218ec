import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAzurite, type Azurite } from '../services/azurite.ts';
import { bucketPlace } from './bucket-place.ts';
import { raceOnBucket } from './bucket-race.ts';
import { openTestBlobs } from './open-test-blobs.ts';
import { describeRemoteContract } from './remote.ts';

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

describeRemoteContract('bucket on Azure Blob (Azurite)', async () => bucketPlace(await container()));

it('loses and forks nothing while writers race on Azurite, through calls that fail', async () => {
  const { lost } = await raceOnBucket({ open: await container(), writers: 6, rounds: 4, loss: 0.05 });
  expect(lost).toBeGreaterThan(0);
});
