import path from 'node:path';
import { parseBlobsAddress, type AzureAddress, type BlobsAddress, type S3Address } from '../blobs/address.ts';
import type { AzureCredentials, BlobsCredentials, S3Credentials } from '../blobs/credentials.ts';
import type { BucketVariable } from '../config/bucket-variables.ts';
import { notJsonText } from '../config/json-syntax.ts';
import { readPrivateFile } from '../config/private-file.ts';
import { problemToText } from '../config/problem.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** `buckets.json` is wrong. Whoever opens a remote hears of it as of one that does not let this machine in; to a command it is configuration. */
export class WrongBucketsFile extends RemoteError {
  constructor(message: string) {
    super('unauthorized', message);
  }
}

export interface CredentialSources {
  /** SATCHEL_HOME, where `buckets.json` may be. */
  readonly home: string;
  readonly variables: Readonly<Partial<Record<BucketVariable, string>>>;
}

type Entry = Readonly<Record<string, unknown>>;

const S3_FIELDS = ['accessKeyId', 'secretAccessKey', 'sessionToken'];
const AZURE_FIELDS = ['accountKey', 'sas', 'connectionString'];

/** Why nothing opens a bucket: what to do, never a secret. */
export interface CredentialProblem {
  readonly message: string;
  /** `buckets.json` is wrong: configuration, which nobody but its author can correct. */
  readonly isOfFile: boolean;
}

/**
 * What opens a bucket: the entry for its address, or for one above its prefix, in `buckets.json` (0600), else the
 * environment.
 */
export async function bucketCredentials(
  address: BlobsAddress,
  sources: CredentialSources,
): Promise<Result<BlobsCredentials, CredentialProblem>> {
  const file = path.join(sources.home, 'buckets.json');
  const entry = await entryOf(address, file);
  const isOfFile = !entry.ok || entry.value !== null;
  const found = entry.ok ? credentialsFrom(address, entry.value, sources, file) : entry;
  return found.ok ? found : fail({ message: found.error, isOfFile });
}

function credentialsFrom(
  address: BlobsAddress,
  entry: Entry | null,
  { variables }: CredentialSources,
  file: string,
): Result<BlobsCredentials, string> {
  if (entry !== null) return fromEntry(address, entry, file);
  return address.driver === 's3' ? s3FromVariables(address, variables, file) : azureFromVariables(address, variables, file);
}

async function entryOf(address: BlobsAddress, file: string): Promise<Result<Entry | null, string>> {
  const text = await readPrivateFile(file);
  if (!text.ok) return fail(problemToText(text.error));
  if (text.value === null) return ok(null);
  let entries: unknown;
  try {
    entries = JSON.parse(text.value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return fail(`${file}: ${notJsonText(text.value)}. Correct it there, or remove the file`);
  }
  if (!isEntry(entries)) return fail(`${file}: expected a JSON object: an address of a bucket, and what opens it`);
  const known = new Map<string, unknown>();
  for (const [index, [key, value]] of Object.entries(entries).entries()) {
    const parsed = parseBlobsAddress(key);
    // It may hold a secret.
    if (!parsed.ok) return fail(`${file}: its ${ordinal(index + 1)} key is no address of a bucket: ${parsed.error}`);
    if (!known.has(parsed.value.text)) known.set(parsed.value.text, value);
  }
  for (const key of addressesAbove(address)) {
    const entry = known.get(key);
    if (entry !== undefined) return isEntry(entry) ? ok(entry) : fail(`${file}: ${key}: expected an object`);
  }
  return ok(null);
}

function ordinal(n: number): string {
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}

/** The address itself, then with ever less of its prefix; always at the same endpoint. */
function addressesAbove({ text }: BlobsAddress): string[] {
  const [, root = '', prefix = '', query = ''] = /^(s3:\/\/[^/?]+|azure:\/\/[^/?]+\/[^/?]+)([^?]*)(.*)$/.exec(text) ?? [];
  const parts = prefix.split('/');
  return parts.map((_, cut) => `${root}${parts.slice(0, parts.length - cut).join('/')}${query}`);
}

function fromEntry(address: BlobsAddress, entry: Entry, file: string): Result<BlobsCredentials, string> {
  const fields = address.driver === 's3' ? S3_FIELDS : AZURE_FIELDS;
  const wrong = Object.entries(entry).find(([key, value]) => !fields.includes(key) || typeof value !== 'string' || value === '');
  if (wrong !== undefined) return fail(`${file}: an entry has texts by these names: ${fields.join(', ')}`);
  const { accessKeyId, secretAccessKey, sessionToken, accountKey, sas, connectionString } = entry as Record<string, string>;
  if (address.driver === 's3') {
    if (accessKeyId === undefined || secretAccessKey === undefined) return fail(`${file}: an entry lacks accessKeyId or secretAccessKey`);
    return ok(s3Credentials(accessKeyId, secretAccessKey, sessionToken));
  }
  if (accountKey !== undefined) return azureKey(accountKey);
  if (sas !== undefined) return azureSas(address, sas);
  return connectionString === undefined
    ? fail(`${file}: an entry lacks accountKey, sas or connectionString`)
    : azureString(address, connectionString);
}

function s3FromVariables(address: S3Address, variables: CredentialSources['variables'], file: string): Result<S3Credentials, string> {
  const sets = [
    [variables.SATCHEL_S3_ACCESS_KEY_ID, variables.SATCHEL_S3_SECRET_ACCESS_KEY, variables.SATCHEL_S3_SESSION_TOKEN],
    [variables.AWS_ACCESS_KEY_ID, variables.AWS_SECRET_ACCESS_KEY, variables.AWS_SESSION_TOKEN],
  ] as const;
  for (const [id, secret, token] of sets) if (id !== undefined && secret !== undefined) return ok(s3Credentials(id, secret, token));
  return fail(
    `nothing here opens ${address.text}: set SATCHEL_S3_ACCESS_KEY_ID and SATCHEL_S3_SECRET_ACCESS_KEY, or write ${file} (mode 0600): ` +
      `{"${address.text}": {"accessKeyId": "…", "secretAccessKey": "…"}}`,
  );
}

function azureFromVariables(
  address: AzureAddress,
  variables: CredentialSources['variables'],
  file: string,
): Result<AzureCredentials, string> {
  const { AZURE_STORAGE_KEY: key, AZURE_STORAGE_SAS_TOKEN: sas, AZURE_STORAGE_CONNECTION_STRING: connection } = variables;
  if (key !== undefined) return azureKey(key);
  // Whoever gets a signature may use it, so it goes to no host that an address names; an entry of the file says the host.
  if (sas !== undefined && !address.isAzureItself && !isLoopback(address)) {
    return fail(`${address.text} is at a host that is not Azure's: for that, AZURE_STORAGE_SAS_TOKEN is not used. Write it to ${file}`);
  }
  if (sas !== undefined) return azureSas(address, sas);
  if (connection !== undefined) return azureString(address, connection);
  return fail(
    `nothing here opens ${address.text}: set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING, or write ${file} ` +
      `(mode 0600): {"${address.text}": {"accountKey": "…"}}`,
  );
}

function s3Credentials(accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): S3Credentials {
  return { driver: 's3', accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function azureKey(key: string): Result<AzureCredentials, string> {
  if (!/^[A-Za-z0-9+/]{20,}={0,2}$/.test(key)) return fail('the key of the storage account is none: it is base64');
  return ok({ driver: 'azure', type: 'key', key });
}

function azureSas(address: AzureAddress, text: string): Result<AzureCredentials, string> {
  const sas = text.replace(/^\?/, '');
  if (!new URLSearchParams(sas).has('sig')) return fail('the shared access signature is none: it is the query of a URL, with sig=…');
  if (address.endpoint.startsWith('http:') && !isLoopback(address)) return fail('a shared access signature is not sent without encryption');
  return ok({ driver: 'azure', type: 'sas', sas });
}

function azureString(address: AzureAddress, text: string): Result<AzureCredentials, string> {
  const fields = new Map(
    text.split(';').map((part) => [part.slice(0, part.indexOf('=')).trim(), part.slice(part.indexOf('=') + 1).trim()]),
  );
  const [account, key, sas] = ['AccountName', 'AccountKey', 'SharedAccessSignature'].map((name) => fields.get(name));
  if (account !== undefined && account !== address.account) {
    return fail(`the connection string is for the account ${account}, and ${address.text} is another`);
  }
  if (key !== undefined) return azureKey(key);
  return sas === undefined ? fail('the connection string has neither AccountKey nor SharedAccessSignature') : azureSas(address, sas);
}

function isLoopback({ endpoint }: AzureAddress): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(endpoint).hostname);
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
