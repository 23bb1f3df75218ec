/** Makes a bucket at an S3 store. */
export async function makeBucket(endpoint: string, Bucket: string, accessKeyId: string, secretAccessKey: string): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}
