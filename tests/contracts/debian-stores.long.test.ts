import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { startAzurite, type Azurite } from '../services/azurite.ts';
import { startRadosGateway, type RadosGateway } from '../services/radosgw.ts';
import { startSwift } from '../services/swift.ts';
import { attachTestBlobs } from './attach-test-blobs.ts';
import { describeBlobsContract } from './blobs.ts';
import { bucketPlace } from './bucket-place.ts';
import { raceOnBucket } from './bucket-race.ts';
import { bucketSubject } from './bucket-subject.ts';
import { raceOnObjects } from './objects-race.ts';
import { describeObjectsContract } from './objects.ts';
import { openTestBlobs } from './open-test-blobs.ts';
import { describeRemoteContract } from './remote.ts';

const RACE = { writers: 16, rounds: 50, loss: 0 };
let count = 0;

async function raceNodes(open: () => Promise<Blobs>): Promise<void> {
  const subjects = await Promise.all(
    Array.from({ length: 17 }, () => bucketSubject(open, async () => {}, { packBytes: 20_000, inlineBytes: 1_000 })),
  );
  const [newcomer, ...writers] = subjects.map((each) => each.objects);
  if (newcomer === undefined) throw new Error('a newcomer');
  await raceOnObjects({ writers, rounds: 10, calm: () => {}, newcomer: async () => newcomer });
  await Promise.all(subjects.map((each) => each.dispose()));
}

describe('RADOS Gateway', () => {
  let gateway: RadosGateway;
  beforeAll(async () => {
    gateway = await startRadosGateway();
  });
  afterAll(() => gateway.stop());

  /** A bucket of its own. */
  async function bucket() {
    const { endpoint, accessKeyId, secretAccessKey } = gateway;
    const name = `bucket-${count++}`;
    await gateway.makeBucket(name);
    return {
      address: `s3://${name}/some/where?endpoint=${endpoint}`,
      credentials: { driver: 's3' as const, accessKeyId, secretAccessKey },
    };
  }
  async function opener() {
    const { address, credentials } = await bucket();
    return () => openTestBlobs(address, credentials);
  }

  describeBlobsContract('S3 (RADOS Gateway)', async () => ({ open: await opener(), dispose: async () => {} }));
  describeObjectsContract('S3 (RADOS Gateway)', async () => bucketSubject(await opener(), async () => {}));
  describeRemoteContract('bucket on S3 (RADOS Gateway)', async () => bucketPlace(await opener()));

  it('passes the probe, and shows wrong credentials', async () => {
    const { address, credentials } = await bucket();
    expect(await attachTestBlobs(address, credentials)).toBe('fit');
    expect(await attachTestBlobs(address, { ...credentials, secretAccessKey: 'wrong' })).toMatch(
      /^unauthorized: the secret does not belong/,
    );
    expect(await attachTestBlobs(address, { ...credentials, accessKeyId: 'nobody' })).toMatch(/^unauthorized: the access key is not known/);
    expect(await attachTestBlobs(address.replace('bucket-', 'other-'), credentials)).toMatch(/^unfit: there is no such bucket/);
  });

  it('loses no chunk while 16 nodes put, delete and compact', async () => raceNodes(await opener()));

  it('loses and forks nothing while 16 writers race for 50 rounds', async () => {
    expect((await raceOnBucket({ ...RACE, open: await opener() })).lost).toBeGreaterThan(50);
  });
});

describe('Azurite', () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  async function opener() {
    const { account, endpoint, key } = azurite;
    const name = `race-${count++}`;
    await azurite.makeContainer(name);
    return () => openTestBlobs(`azure://${account}/${name}?endpoint=${endpoint}`, { driver: 'azure', type: 'key', key });
  }

  it('loses no chunk while 16 nodes put, delete and compact', async () => raceNodes(await opener()));

  it('loses and forks nothing while 16 writers race for 50 rounds', async () => {
    expect((await raceOnBucket({ ...RACE, open: await opener() })).lost).toBeGreaterThan(50);
  });
});

it('refuses Swift, which has no conditional writes', async () => {
  const { endpoint, accessKeyId, secretAccessKey, makeBucket, stop } = await startSwift();
  try {
    await makeBucket('bucket');
    const said = await attachTestBlobs(`s3://bucket/p?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey });
    expect(said).toBe('unfit: this store has no conditional writes (501)');
  } finally {
    await stop();
  }
});
