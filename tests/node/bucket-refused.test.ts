import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startS3Double, type S3Double, type S3DoubleOptions } from '../doubles/s3-double.ts';
import { runHere } from '../e2e/run-here.ts';
import { Place } from './place.ts';

let place: Place;
let store: S3Double | undefined;
beforeEach(async () => {
  place = await Place.create();
  await place.start('ana', { live: false });
  await place.stop('ana');
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  await place.dispose();
});

async function add(options: S3DoubleOptions, secret?: string, bucket = 'bucket', more: readonly string[] = []) {
  store ??= await startS3Double(options);
  const variables = { SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId, SATCHEL_S3_SECRET_ACCESS_KEY: secret ?? store.secretAccessKey };
  const address = `s3://${bucket}/team?endpoint=${store.endpoint}`;
  const home = place.home('ana');
  const outcome = await runHere(['remotes', 'add', address, ...more], home, '', secret === '' ? {} : variables);
  return { ...outcome, known: (await runHere(['remotes', '--json'], home)).stdout };
}

describe('satchel remotes add', () => {
  it.each([
    ['lacks conditional writes, as Swift', { conditional: 'missing' }, /condition/],
    ['ignores conditions, as s3rver', { conditional: 'ignored' }, /ignores conditions.*Commits would get lost/],
    ['checks and writes in two steps', { conditional: 'racy' }, /not atomic.*Commits would get lost/],
    ['lets everybody in', { takesAnySecret: true }, /open to everybody/],
  ] as const)('refuses a store that %s, and keeps nothing there', async (_, options, reason) => {
    const { code, stderr, known } = await add(options);
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(/\nChoose another bucket, or correct its address/);
    expect(JSON.parse(known)).toEqual({ remotes: [] });
    expect([...(store?.buckets.get('bucket')?.keys() ?? [])]).toEqual([]);
  });

  it.each([
    ['a wrong secret', 'wrong', 'bucket', /\nCorrect that: what opens a bucket stands in buckets\.json/],
    ['none', '', 'bucket', /\nRun the same again when that is done/],
    ['a bucket that is not there', undefined, 'elsewhere', /make it first[^\n]*\nChoose another bucket, or correct its address/],
  ] as const)('says so where it is given %s, and what to do, and shows no secret', async (_, secret, bucket, next) => {
    const { code, stderr, known } = await add({}, secret, bucket);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(next);
    expect(stderr).toContain(store?.endpoint);
    if (secret === '') expect(stderr).toContain('SATCHEL_S3_SECRET_ACCESS_KEY');
    expect(stderr).not.toContain(store?.secretAccessKey);
    expect(JSON.parse(known)).toEqual({ remotes: [] });
  });

  it('makes a bucket a remote once, and is safe to repeat', async () => {
    const { code, stdout } = await add({});
    expect([code, stdout.split('\n')[0]]).toEqual([0, `s3://bucket/team?endpoint=${store?.endpoint} is a remote.`]);
    const marker = store?.buckets.get('bucket')?.get('team/satchel-bucket.json');
    expect(JSON.parse(Buffer.from(marker ?? []).toString())).toMatchObject({ format: 'satchel-bucket', version: 1, batchMs: 2_000 });
    expect([...(store?.buckets.get('bucket')?.keys() ?? [])]).toEqual(['team/satchel-bucket.json']);
  });

  it('declares the interval of a bucket that it makes a remote, and changes none that is declared', async () => {
    const { code, stdout } = await add({}, undefined, 'bucket', ['--batch', '30']);
    expect([code, stdout.split('\n')[1]]).toEqual([0, 'Each machine sends small changes 30 s apart, and looks as often at most.']);
    const marker = (): unknown => JSON.parse(Buffer.from(store?.buckets.get('bucket')?.get('team/satchel-bucket.json') ?? []).toString());
    expect(marker()).toMatchObject({ batchMs: 30_000 });
    expect(await add({}, undefined, 'bucket', ['--batch', '30'])).toMatchObject({ code: 0 });
    const other = await add({}, undefined, 'bucket', ['--batch', '5']);
    expect(other.code).toBe(5);
    expect(other.stderr).toMatch(/interval is 30 s, as declared[^]*batchMs in .*satchel-bucket\.json[^]*start the nodes again/);
    expect(marker()).toMatchObject({ batchMs: 30_000 });
    const asItIs = await add({}, undefined, 'bucket', ['--json']);
    expect(JSON.parse(asItIs.stdout)).toMatchObject({ made: false, batch_ms: 30_000 });
  });
});
