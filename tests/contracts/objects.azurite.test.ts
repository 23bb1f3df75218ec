import { afterAll, beforeAll } from 'vitest';
import { startAzurite, type Azurite } from '../services/azurite.ts';
import { bucketSubject } from './bucket-subject.ts';
import { describeObjectsContract } from './objects.ts';
import { openTestBlobs } from './open-test-blobs.ts';

let azurite: Azurite;
let count = 0;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

describeObjectsContract('Azure Blob (Azurite)', async () => {
  const { account, endpoint, key } = azurite;
  const container = `container-${count++}`;
  await azurite.makeContainer(container);
  const address = `azure://${account}/${container}/some/where?endpoint=${endpoint}`;
  return bucketSubject(
    () => openTestBlobs(address, { driver: 'azure', type: 'key', key }),
    async () => {},
  );
});
