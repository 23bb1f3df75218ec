/** What opens buckets, from the environment: Satchel's own names, and those that the tools of AWS and Azure know. */
export const BUCKET_VARIABLES = [
  'SATCHEL_S3_ACCESS_KEY_ID',
  'SATCHEL_S3_SECRET_ACCESS_KEY',
  'SATCHEL_S3_SESSION_TOKEN',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AZURE_STORAGE_KEY',
  'AZURE_STORAGE_SAS_TOKEN',
  'AZURE_STORAGE_CONNECTION_STRING',
] as const;

export type BucketVariable = (typeof BUCKET_VARIABLES)[number];

/** Those that are set, and not empty. */
export function readBucketVariables(env: NodeJS.ProcessEnv): Readonly<Partial<Record<BucketVariable, string>>> {
  const set = BUCKET_VARIABLES.map((name) => [name, env[name]] as const);
  return Object.fromEntries(set.filter(([, value]) => value !== undefined && value !== ''));
}
