import { afterEach, describe, expect, it } from 'vitest';
import type { BlobsCredentials } from '../../src/blobs/credentials.ts';
import { startS3Double, type S3DoubleOptions } from '../doubles/s3-double.ts';
import { startAzurite } from '../services/azurite.ts';
import { startS3rver } from '../services/s3rver.ts';
import { attachTestBlobs } from './attach-test-blobs.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function attachDouble(options: S3DoubleOptions, change: Partial<BlobsCredentials & { driver: 's3' }> = {}) {
  const { endpoint, accessKeyId, secretAccessKey, buckets, close } = await startS3Double(options);
  stops.push(close);
  const said = await attachTestBlobs(`s3://bucket/p?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey, ...change });
  return { said, left: [...(buckets.get('bucket')?.keys() ?? [])] };
}

describe('the probe of a bucket', () => {
  it('takes a store that does conditional writes, and leaves nothing there', async () => {
    expect(await attachDouble({})).toEqual({ said: 'fit', left: [] });
    expect(await attachDouble({ deletesOne: true })).toEqual({ said: 'fit', left: [] });
  });

  it('refuses stores that lack, ignore or botch conditional writes, with the reason', async () => {
    expect(await attachDouble({ conditional: 'missing' })).toEqual({ said: 'unfit: this store has no conditional writes (501)', left: [] });
    expect(await attachDouble({ conditional: 'ignored' })).toEqual({
      said: expect.stringMatching(/^unfit: it ignores conditions/),
      left: [],
    });
    expect(await attachDouble({ conditional: 'racy' })).toEqual({
      said: expect.stringMatching(/^unfit: its conditional writes are not atomic: of 16 .* \d+ were told/),
      left: [],
    });
  });

  it('refuses a store that lets everybody in', async () => {
    expect((await attachDouble({ takesAnySecret: true })).said).toMatch(/^unfit: it lets in whoever gives any secret/);
  });

  it('says what is wrong with the credentials, the bucket, the host', async () => {
    expect((await attachDouble({}, { secretAccessKey: 'wrong' })).said).toBe(
      'unauthorized: the secret does not belong to the access key (403)',
    );
    expect((await attachDouble({ buckets: ['another'] })).said).toBe('unfit: there is no such bucket: make it first (404)');
    expect((await attachDouble({ fault: () => 'html' })).said).toMatch(/^unreachable: .*what answers there is no S3/);
    const nobody = await attachTestBlobs('s3://bucket?endpoint=http://127.0.0.1:1', {
      driver: 's3',
      accessKeyId: 'a',
      secretAccessKey: 'b',
    });
    expect(nobody).toMatch(/^unreachable: .*ECONNREFUSED/);
  });

  it('refuses s3rver', async () => {
    const { endpoint, bucket, accessKeyId, secretAccessKey, stop } = await startS3rver();
    stops.push(stop);
    const said = await attachTestBlobs(`s3://${bucket}?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey });
    expect(said).toMatch(/^unfit: it ignores conditions: a blob that was there was written over/);
  });

  it('takes Azurite, and says what is wrong with a key or a container', async () => {
    const { account, key, endpoint, makeContainer, stop } = await startAzurite();
    stops.push(stop);
    await makeContainer('one');
    const at = (container: string) => `azure://${account}/${container}?endpoint=${endpoint}`;
    expect(await attachTestBlobs(at('one'), { driver: 'azure', type: 'key', key })).toBe('fit');
    expect(await attachTestBlobs(at('other'), { driver: 'azure', type: 'key', key })).toMatch(/^unfit: there is no such container/);
    const { ContainerSASPermissions, generateBlobSASQueryParameters, StorageSharedKeyCredential } = await import('@azure/storage-blob');
    const sasFor = (permissions: string): string =>
      generateBlobSASQueryParameters(
        { containerName: 'one', permissions: ContainerSASPermissions.parse(permissions), expiresOn: new Date(Date.now() + 3_600_000) },
        new StorageSharedKeyCredential(account, key),
      ).toString();
    expect(await attachTestBlobs(at('one/by/signature'), { driver: 'azure', type: 'sas', sas: `?${sasFor('racwdl')}` })).toBe('fit');
    expect(await attachTestBlobs(at('one'), { driver: 'azure', type: 'sas', sas: sasFor('r') })).toMatch(
      /^unauthorized: the signature may not/,
    );
    const wrong = Buffer.from('another key').toString('base64');
    expect(await attachTestBlobs(at('one'), { driver: 'azure', type: 'key', key: wrong })).toMatch(
      /^unauthorized: the key or signature is not the right one/,
    );
  });
});
