/** Makes a bucket at an S3 store. */
export async function makeBucket(endpoint: string, Bucket: string, accessKeyId: string, secretAccessKey: string): Promise<void> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'; // says that later releases need a later Node
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}
