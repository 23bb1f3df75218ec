import { describe, expect, it } from 'vitest';
import { parseBlobsAddress } from './address.ts';

function parsed(text: string) {
  const result = parseBlobsAddress(text);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('parseBlobsAddress', () => {
  it('knows AWS by the region', () => {
    expect(parsed('s3://my-bucket/team/one/?region=eu-central-1')).toEqual({
      driver: 's3',
      text: 's3://my-bucket/team/one?region=eu-central-1',
      bucket: 'my-bucket',
      prefix: 'team/one/',
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      region: 'eu-central-1',
      isPathStyle: false,
    });
  });

  it('knows other stores by their endpoint', () => {
    expect(parsed(' s3://Bucket?endpoint=https://minio.example.org:9000/ ')).toMatchObject({
      text: 's3://Bucket?endpoint=https://minio.example.org:9000',
      prefix: '',
      endpoint: 'https://minio.example.org:9000',
      region: 'us-east-1',
      isPathStyle: true,
    });
    expect(parsed('s3://b2-x/p?region=auto&style=host&endpoint=https%3A%2F%2Fr2.example.org')).toMatchObject({
      text: 's3://b2-x/p?endpoint=https://r2.example.org&region=auto&style=host',
      isPathStyle: false,
    });
  });

  it('knows Azure by account and container', () => {
    expect(parsed('azure://account1/container/a/b')).toEqual({
      driver: 'azure',
      text: 'azure://account1/container/a/b',
      account: 'account1',
      container: 'container',
      prefix: 'a/b/',
      endpoint: 'https://account1.blob.core.windows.net',
      isAzureItself: true,
    });
    const emulated = 'azure://devstoreaccount1/ccc?endpoint=http://127.0.0.1:10000/devstoreaccount1';
    expect(parsed(emulated)).toMatchObject({ text: emulated, endpoint: 'http://127.0.0.1:10000/devstoreaccount1', isAzureItself: false });
    expect(parsed('azure://devstoreaccount1/ccc?endpoint=http://127.0.0.1:10000').text).toBe(emulated);
    expect(parsed('azure://account1/ccc?endpoint=https://account1.blob.core.windows.net.evil.example')).toMatchObject({
      isAzureItself: false,
    });
  });

  it('reads what it writes', () => {
    for (const text of [
      's3://bbb?region=x',
      's3://bbb/p.q/r?endpoint=http://h:1&region=r&style=path',
      'azure://abc/def/g?endpoint=https://h/abc',
    ]) {
      expect(parsed(text).text).toBe(text);
      expect(parsed(parsed(text).text)).toEqual(parsed(text));
    }
  });

  it.each([
    ['s3://key:s3cret@bucket?region=x', 'holds credentials'],
    ['s3://bucket?region=x&secret_access_key=s3cret', 'holds credentials'],
    ['azure://abc/def?sig=s3cret', 'holds credentials'],
    ['s3://bucket?endpoint=https://key:s3cret@host', 'user name or password'],
    ['s3://bucket?endpoint=https://host/?X-Amz-Signature=s3cret', 'neither query nor fragment'],
  ])('refuses credentials, and does not repeat them: %s', (text, reason) => {
    const result = parseBlobsAddress(text);
    expect(result.ok ? '' : result.error).toContain(reason);
    expect(JSON.stringify(result)).not.toContain('s3cret');
  });

  it.each([
    ['s3://bucket', 'neither region nor endpoint'],
    ['s3:///prefix?region=x', 'names no bucket'],
    ['s3://b/prefix?region=x', 'names no bucket'],
    ['s3://bucket/a//b?region=x', 'a prefix has parts'],
    ['s3://bucket/../b?region=x', 'a prefix has parts'],
    ['s3://bucket/a b?region=x', 'a prefix has parts'],
    [`s3://bucket/${'p'.repeat(101)}?region=x`, 'longer than 100'],
    ['s3://bucket?region=x&regoin=y', 'unknown option'],
    ['s3://bucket?region=x&region=y', 'twice'],
    ['s3://bucket?region=X y', 'region is none'],
    ['s3://bucket?region=x&style=odd', 'host or path'],
    ['s3://bucket?endpoint=ftp://x', 'no URL'],
    ['s3://bucket?endpoint=https://x/path', 'has a path'],
    ['s3://bucket?region=x#fragment', 'no address of a bucket'],
    ['azure://abc', 'names no container'],
    ['azure://abc/Def', 'names no container'],
    ['azure://abc/de--f', 'names no container'],
    ['azure://a_c/def', 'names no storage account'],
    ['azure://abc/def?region=x', 'unknown option'],
    ['gs://bucket', 'no address of a bucket'],
  ])('refuses %s', (text, reason) => {
    const result = parseBlobsAddress(text);
    expect(result.ok ? 'taken' : result.error).toContain(reason);
  });
});
