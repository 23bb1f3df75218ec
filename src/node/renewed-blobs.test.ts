import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startS3Double, type S3Double } from '../../tests/doubles/s3-double.ts';
import { parseBlobsAddress, type BlobsAddress } from '../blobs/address.ts';
import { openBlobs } from '../blobs/drivers.ts';
import type { Blobs } from '../core/ports/blobs.ts';
import { createSystemClock, createSystemRandom } from './system.ts';
import { credentialsNow, renewedBlobs } from './renewed-blobs.ts';

describe('a bucket whose key is replaced while it is open', () => {
  let home: string;
  let store: S3Double;
  let secret = '';
  let blobs: Blobs;
  let address: BlobsAddress;
  const says = (secretAccessKey: string) =>
    writeFile(path.join(home, 'buckets.json'), JSON.stringify({ [address.text]: { accessKeyId: store.accessKeyId, secretAccessKey } }), {
      mode: 0o600,
    });

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'satchel-renewed-'));
    store = await startS3Double({ secret: () => secret });
    const parsed = parseBlobsAddress(`s3://bucket/team?endpoint=${store.endpoint}`);
    if (!parsed.ok) throw new Error(parsed.error);
    address = parsed.value;
  });
  beforeEach(async () => {
    secret = 'first';
    await says('first');
    const [sources, driver] = [
      { home, variables: {} },
      { clock: createSystemClock(), random: createSystemRandom() },
    ];
    const credentials = await credentialsNow(address, sources);
    blobs = renewedBlobs(await openBlobs(address, credentials, driver), credentials, address, { sources, driver });
    await blobs.write('one', Buffer.from('1'));
  });
  afterAll(async () => {
    await store.close();
    await rm(home, { recursive: true });
  });

  it('is asked again with the one that stands in the file by now, by all who are turned away at once', async () => {
    secret = 'second';
    await expect(blobs.read('one')).rejects.toMatchObject({ type: 'unauthorized' });
    await says('second');
    const asked = store.requests.length;
    expect(await Promise.all([blobs.read('one'), blobs.size('one'), blobs.create('two', Buffer.from('2'))])).toEqual([
      Uint8Array.of(49),
      1,
      'created',
    ]);
    expect(store.requests.length - asked).toBe(6);
    expect(await blobs.read('two')).toEqual(Uint8Array.of(50));
    expect(store.requests.length - asked).toBe(7);
    await blobs.remove(['two']);
    await blobs.close();
  });

  it('is asked once where nothing else opens it, and says where the file is wrong', async () => {
    secret = 'second';
    const asked = store.requests.length;
    await expect(blobs.read('one')).rejects.toMatchObject({ message: expect.stringContaining('the secret does not belong') });
    expect(store.requests.length - asked).toBe(1);
    await writeFile(path.join(home, 'buckets.json'), '{');
    await expect(blobs.write('one', Buffer.from('1'))).rejects.toMatchObject({
      type: 'unauthorized',
      message: expect.stringMatching(/buckets\.json.*is not JSON/),
    });
    await says('second');
    await blobs.write('one', Buffer.from('again'));
    await blobs.close();
  });
});
