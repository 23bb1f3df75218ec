import { startS3Double } from '../doubles/s3-double.ts';
import { describeBlobsContract } from './blobs.ts';
import { openTestBlobs } from './open-test-blobs.ts';

describeBlobsContract('S3 (a double)', async () => {
  const { endpoint, accessKeyId, secretAccessKey, close } = await startS3Double();
  const address = `s3://bucket/some/where?endpoint=${endpoint}`;
  return { open: () => openTestBlobs(address, { driver: 's3', accessKeyId, secretAccessKey }), dispose: close };
});
