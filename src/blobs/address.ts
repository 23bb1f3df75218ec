import { fail, ok, type Result } from '../core/result.ts';

/** Where a bucket is, parsed. `text` is what is shown and kept in configuration; it never holds credentials. */
export type BlobsAddress = S3Address | AzureAddress;

export interface S3Address {
  readonly driver: 's3';
  readonly text: string;
  readonly bucket: string;
  /** Put before all names: empty, or ends with `/`. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  /** `endpoint/bucket/name`, not `bucket.endpoint/name`. */
  readonly isPathStyle: boolean;
}

export interface AzureAddress {
  readonly driver: 'azure';
  readonly text: string;
  readonly account: string;
  readonly container: string;
  /** Put before all names: empty, or ends with `/`. */
  readonly prefix: string;
  /** Of the account's blob service. */
  readonly endpoint: string;
  /** Nobody but Azure itself is at that endpoint. */
  readonly isAzureItself: boolean;
}

export const BLOBS_EXAMPLES = [
  's3://bucket/prefix?region=eu-central-1 (AWS)',
  's3://bucket/prefix?endpoint=https://minio.example.org (others)',
  'azure://account/container/prefix',
] as const;

const PARTS = /^(?:s3|azure):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;
const ACCOUNT = /^[a-z0-9]{3,24}$/;
const CONTAINER = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;
const PREFIX = /^(?:[A-Za-z0-9._-]*[A-Za-z0-9_-](?:\/[A-Za-z0-9._-]*[A-Za-z0-9_-])*)?$/;
const PREFIX_LENGTH = 100;
const REGION = /^[a-z0-9-]{1,64}$/;

export function isBlobsAddress(text: string): boolean {
  return /^\s*(?:s3|azure):/i.test(text);
}

/** What a person typed → address. Errors say what is wrong, and never repeat the text: it may hold a secret. */
export function parseBlobsAddress(text: string): Result<BlobsAddress, string> {
  const trimmed = text.trim();
  const parts = PARTS.exec(trimmed);
  if (parts === null) return fail(`this is no address of a bucket; such are: ${BLOBS_EXAMPLES.join(', ')}`);
  const [, authority = '', path = '', query = ''] = parts;
  const params = new URLSearchParams(query);
  const isS3 = trimmed.slice(0, 2).toLowerCase() === 's3';
  if (authority.includes('@') || [...params.keys()].some((key) => /key|secret|token|sig|sas|credential|password/i.test(key))) {
    const where = isS3 ? 'SATCHEL_S3_ACCESS_KEY_ID and SATCHEL_S3_SECRET_ACCESS_KEY' : 'AZURE_STORAGE_KEY';
    return fail(
      `the address holds credentials: addresses are shown and travel in invitations; set ${where}, or write buckets.json, instead`,
    );
  }
  for (const key of new Set(params.keys())) {
    const known = isS3 ? ['endpoint', 'region', 'style'] : ['endpoint'];
    if (!known.includes(key)) return fail(`the address has an unknown option; known are ${known.join(', ')}`);
    if (params.getAll(key).length > 1) return fail(`the address says ${key} twice`);
  }
  return isS3 ? parseS3(authority, path, params) : parseAzure(authority, path, params);
}

function parseS3(bucket: string, path: string, params: URLSearchParams): Result<S3Address, string> {
  if (!BUCKET.test(bucket))
    return fail('the address names no bucket, whose name has 3 to 63 letters, digits and . _ -: s3://bucket/prefix');
  const prefix = parsePrefix(path);
  if (!prefix.ok) return prefix;
  const given = params.get('endpoint');
  const endpoint = given === null ? ok(null) : parseEndpoint(given);
  if (!endpoint.ok) return endpoint;
  if (endpoint.value !== null && endpoint.value.pathname !== '/') return fail('the endpoint has a path: leave it out');
  const region = params.get('region') ?? (endpoint.value === null ? null : 'us-east-1');
  if (region === null) return fail('the address names neither region nor endpoint: add ?region=… (AWS) or ?endpoint=https://… (others)');
  if (!REGION.test(region)) return fail('the region is none: it has lower-case letters, digits and dashes');
  const style = params.get('style') ?? (endpoint.value === null ? 'host' : 'path');
  if (style !== 'host' && style !== 'path') return fail('the style is host or path');
  const origin = endpoint.value?.origin ?? `https://s3.${region}.amazonaws.com`;
  const said = [...params].map(([key, value]) => `${key}=${key === 'endpoint' ? origin : value}`).toSorted();
  return ok({
    driver: 's3',
    text: `s3://${bucket}${textOf(prefix.value, said)}`,
    bucket,
    prefix: prefix.value,
    endpoint: origin,
    region,
    isPathStyle: style === 'path',
  });
}

function parseAzure(account: string, path: string, params: URLSearchParams): Result<AzureAddress, string> {
  if (!ACCOUNT.test(account)) return fail('the address names no storage account: azure://account/container/prefix');
  const [container = '', ...rest] = path.split('/');
  if (!CONTAINER.test(container)) return fail('the address names no container: azure://account/container/prefix');
  const prefix = parsePrefix(rest.join('/'));
  if (!prefix.ok) return prefix;
  const given = params.get('endpoint');
  const parsed = parseEndpoint(given ?? `https://${account}.blob.core.windows.net`);
  if (!parsed.ok) return parsed;
  const url = parsed.value;
  // Hosts that serve several accounts have the account first in the path.
  if (url.pathname === '/' && !url.hostname.startsWith(`${account}.`)) url.pathname = `/${account}`;
  const endpoint = url.href.replace(/\/$/, '');
  return ok({
    driver: 'azure',
    text: `azure://${account}/${container}${textOf(prefix.value, given === null ? [] : [`endpoint=${endpoint}`])}`,
    account,
    container,
    prefix: prefix.value,
    endpoint,
    isAzureItself:
      url.protocol === 'https:' && /\.(?:core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net)$/.test(url.hostname),
  });
}

function parsePrefix(path: string): Result<string, string> {
  const prefix = path.replace(/\/$/, '');
  if (prefix.length > PREFIX_LENGTH) return fail(`the prefix is longer than ${PREFIX_LENGTH} characters`);
  if (!PREFIX.test(prefix)) return fail('a prefix has parts of letters, digits and . _ -, divided by single /, that do not end with a dot');
  return ok(prefix === '' ? '' : `${prefix}/`);
}

function parseEndpoint(text: string): Result<URL, string> {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return fail('the endpoint is no URL: endpoint=https://host');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return fail('the endpoint holds a user name or password: leave them out');
  if (url.search !== '' || url.hash !== '') return fail('the endpoint has neither query nor fragment');
  return ok(url);
}

function textOf(prefix: string, options: readonly string[]): string {
  return `${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}${options.length === 0 ? '' : `?${options.join('&')}`}`;
}
