import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNodeService } from './child-service.ts';

/** s3rver: an S3 store for tests of others, which ignores conditions and lets every secret in. */
export interface S3rver {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly stop: () => Promise<void>;
}

const BUCKET = 'bucket';

/** In a temporary folder, at a free port. Takes 1 s. */
export async function startS3rver(): Promise<S3rver> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-s3rver-'));
  const options = { address: '127.0.0.1', port: 0, silent: true, directory: folder, configureBuckets: [{ name: BUCKET }] };
  const program = `const S3rver = require(${JSON.stringify(createRequire(import.meta.url).resolve('s3rver'))});
    new S3rver(${JSON.stringify(options)}).run().then(({ port }) => console.log('listens on ' + port));`;
  const service = await startNodeService(['-e', program], /listens on (\d+)/);
  return {
    endpoint: `http://127.0.0.1:${service.said}`,
    bucket: BUCKET,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    async stop() {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
