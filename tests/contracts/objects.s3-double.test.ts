import { startS3Double } from '../doubles/s3-double.ts';
import { bucketSubject } from './bucket-subject.ts';
import { describeObjectsContract } from './objects.ts';
import { openTestBlobs } from './open-test-blobs.ts';

describeObjectsContract('S3 (a double)', async () => {
  const { endpoint, accessKeyId, secretAccessKey, close } = await startS3Double();
  const open = () => openTestBlobs(`s3://bucket/some/where?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey });
  return bucketSubject(open, close);
});
