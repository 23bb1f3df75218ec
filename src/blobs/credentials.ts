/** What opens a bucket. Never shown, logged, or part of an address. */
export type BlobsCredentials = S3Credentials | AzureCredentials;

export interface S3Credentials {
  readonly driver: 's3';
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** `key`: of the storage account, base64. `sas`: a shared access signature, as the query of a URL. */
export type AzureCredentials =
  | { readonly driver: 'azure'; readonly type: 'key'; readonly key: string }
  | { readonly driver: 'azure'; readonly type: 'sas'; readonly sas: string };
