import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseBlobsAddress } from '../blobs/address.ts';
import { bucketCredentials, type CredentialSources } from './bucket-credentials.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'satchel-buckets-'));
});
afterEach(() => rm(home, { recursive: true }));

async function ask(text: string, variables: CredentialSources['variables'] = {}): Promise<unknown> {
  const address = parseBlobsAddress(text);
  if (!address.ok) throw new Error(address.error);
  const result = await bucketCredentials(address.value, { home, variables });
  return result.ok ? result.value : result.error.message.replaceAll(home, '~');
}
const write = (entries: unknown, mode = 0o600) => writeFile(path.join(home, 'buckets.json'), JSON.stringify(entries), { mode });

const S3 = 's3://bucket/team/one?endpoint=https://s3.example.org';
const AZURE = 'azure://account/container';
const KEY = Buffer.from('a key of an account').toString('base64');

describe('bucketCredentials', () => {
  it('takes those of the environment, Satchel’s own first', async () => {
    const aws = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    expect(await ask(S3, aws)).toEqual({ driver: 's3', accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' });
    const own = { SATCHEL_S3_ACCESS_KEY_ID: 'd', SATCHEL_S3_SECRET_ACCESS_KEY: 'e' };
    expect(await ask(S3, { ...aws, ...own })).toEqual({ driver: 's3', accessKeyId: 'd', secretAccessKey: 'e' });
    expect(await ask(AZURE, { AZURE_STORAGE_KEY: KEY })).toEqual({ driver: 'azure', type: 'key', key: KEY });
    expect(await ask(AZURE, { AZURE_STORAGE_SAS_TOKEN: '?sv=1&sig=x' })).toEqual({ driver: 'azure', type: 'sas', sas: 'sv=1&sig=x' });
    const connection = `DefaultEndpointsProtocol=https;AccountName=account;AccountKey=${KEY};EndpointSuffix=core.windows.net`;
    expect(await ask(AZURE, { AZURE_STORAGE_CONNECTION_STRING: connection })).toEqual({ driver: 'azure', type: 'key', key: KEY });
    expect(await ask('azure://another/container', { AZURE_STORAGE_CONNECTION_STRING: connection })).toMatch(/is for the account account/);
  });

  it('takes the entry that is nearest above the address, at the same endpoint, before the environment', async () => {
    await write({
      's3://bucket?endpoint=https://s3.example.org': { accessKeyId: 'whole', secretAccessKey: 's' },
      's3://bucket/team?endpoint=https://s3.example.org': { accessKeyId: 'team', secretAccessKey: 's' },
      's3://bucket/other?endpoint=https://s3.example.org': { accessKeyId: 'other', secretAccessKey: 's' },
      'azure://account/container': { sas: 'sig=x' },
    });
    expect(await ask(S3, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })).toMatchObject({ accessKeyId: 'team' });
    expect(await ask('s3://bucket?endpoint=https://s3.example.org')).toMatchObject({ accessKeyId: 'whole' });
    expect(await ask('s3://bucket/teams?endpoint=https://s3.example.org')).toMatchObject({ accessKeyId: 'whole' });
    expect(await ask('s3://bucket/team/one?endpoint=https://evil.example')).toMatch(/nothing here opens/);
    expect(await ask('azure://account/container/deep/er')).toEqual({ driver: 'azure', type: 'sas', sas: 'sig=x' });
  });

  it('knows an address however it is written, with the account behind the endpoint or without', async () => {
    const azurite = 'azure://devstoreaccount1/box/p?endpoint=http://127.0.0.1:10000';
    for (const key of [
      'azure://devstoreaccount1/box?endpoint=http://127.0.0.1:10000',
      'azure://devstoreaccount1/box?endpoint=http://127.0.0.1:10000/devstoreaccount1',
      'azure://devstoreaccount1/box/p/?endpoint=http://127.0.0.1:10000/',
    ]) {
      await write({ [key]: { accountKey: KEY } });
      expect(await ask(azurite)).toMatchObject({ type: 'key' });
    }
    await write({ 's3://bucket/team/?style=path&endpoint=https://S3.example.org/': { accessKeyId: 'a', secretAccessKey: 'b' } });
    expect(await ask('s3://bucket/team/one?endpoint=https://s3.example.org&style=path')).toMatchObject({ accessKeyId: 'a' });
  });

  it('refuses a key that is no address, rather than pass it over, and calls what is wrong in the file configuration', async () => {
    await write({ [S3]: { accessKeyId: 'a', secretAccessKey: 'b' }, 's3:/bucket': { accessKeyId: 's3cret', secretAccessKey: 'b' } });
    expect(await ask(S3)).toMatch(/^~\/buckets\.json: its 2nd key is no address of a bucket: /);
    const address = parseBlobsAddress(S3);
    if (!address.ok) throw new Error(address.error);
    expect(await bucketCredentials(address.value, { home, variables: {} })).toMatchObject({ ok: false, error: { isOfFile: true } });
    await rm(path.join(home, 'buckets.json'));
    expect(await bucketCredentials(address.value, { home, variables: {} })).toMatchObject({ ok: false, error: { isOfFile: false } });
  });

  it('sends a signature that anybody could use to no host that an address names', async () => {
    const evil = 'azure://account/container?endpoint=https://evil.example/account';
    expect(await ask(evil, { AZURE_STORAGE_SAS_TOKEN: 'sig=s3cret' })).toMatch(/not Azure's/);
    expect(await ask(evil, { AZURE_STORAGE_KEY: KEY })).toMatchObject({ type: 'key' }); // only signs
    const plain = 'azure://account/container?endpoint=http://blobs.example/account';
    await write({ [plain]: { sas: 'sig=s3cret' } });
    expect(await ask(plain)).toMatch(/without encryption/);
  });

  it('says what is missing or wrong, and repeats no secret', async () => {
    expect(await ask(S3)).toMatch(/^nothing here opens s3:\/\/bucket\/team\/one.*set SATCHEL_S3_ACCESS_KEY_ID and .*~\/buckets.json/);
    expect(await ask(AZURE)).toMatch(/set AZURE_STORAGE_KEY/);
    await write({ [S3]: { accessKeyId: 'a' } });
    expect(await ask(S3)).toMatch(/lacks accessKeyId or secretAccessKey/);
    await write({ [S3]: { accessKeyId: 'a', secretAcessKey: 's3cret' } });
    expect(await ask(S3)).toMatch(/an entry has texts by these names/);
    await write({ [AZURE]: { accountKey: 's3cret!' } });
    expect(await ask(AZURE)).toBe('the key of the storage account is none: it is base64');
    await rm(path.join(home, 'buckets.json'));
    await write({ [S3]: { accessKeyId: 'a', secretAccessKey: 'b' } }, 0o644);
    expect(await ask(S3)).toMatch(/can be read by other users .*chmod 600/);
    await rm(path.join(home, 'buckets.json'));
    await writeFile(path.join(home, 'buckets.json'), '{"s3cret', { mode: 0o600 });
    expect(await ask(S3)).toBe('~/buckets.json: is not JSON at line 1, column 2. Correct it there, or remove the file');
  });
});
