import { startS3Double } from '../../doubles/s3-double.ts';

/** The double of an S3 store as a process of its own, so that its CPU is neither the hub's nor the clients'. Says where it is. */
const { endpoint, accessKeyId, secretAccessKey } = await startS3Double();
process.stdout.write(`${JSON.stringify({ endpoint, accessKeyId, secretAccessKey })}\n`);
