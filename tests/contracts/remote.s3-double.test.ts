import { expect, it } from 'vitest';
import { startS3Double, type Fault } from '../doubles/s3-double.ts';
import { bucketPlace } from './bucket-place.ts';
import { raceOnBucket } from './bucket-race.ts';
import { openTestBlobs } from './open-test-blobs.ts';
import { describeRemoteContract } from './remote.ts';

describeRemoteContract('bucket on S3 (a double)', async () => {
  const { endpoint, accessKeyId, secretAccessKey, close } = await startS3Double();
  const credentials = { driver: 's3', accessKeyId, secretAccessKey } as const;
  return bucketPlace(() => openTestBlobs(`s3://bucket/some/where?endpoint=${endpoint}`, credentials), close);
});

const FAULTS: readonly Fault[] = ['500', '503-slow-down', '500-done', 'drop', 'drop-done', 'drop-half', 'drop-late'];

it('loses and forks nothing while writers race on a store that fails in every way', async () => {
  let turn = 0;
  const { endpoint, accessKeyId, secretAccessKey, close } = await startS3Double({
    fault: () => (turn++ % 9 === 0 ? (FAULTS[((turn / 9) % FAULTS.length) | 0] as Fault) : null),
  });
  // Few attempts, so that some fail in the end.
  const open = () =>
    openTestBlobs(
      `s3://bucket?endpoint=${endpoint}`,
      { driver: 's3', accessKeyId, secretAccessKey },
      { attempts: 2, firstPause: 5, longestPause: 20 },
    );
  const { lost } = await raceOnBucket({ open, writers: 8, rounds: 6, loss: 0 });
  expect(lost).toBeGreaterThan(0);
  await close();
});
