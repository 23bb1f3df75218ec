import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startS3Double, type Fault } from '../doubles/s3-double.ts';
import { startAzurite, type Azurite } from '../services/azurite.ts';
import { raceOnBucket } from './bucket-race.ts';
import { openTestBlobs } from './open-test-blobs.ts';

const RACE = { writers: 16, rounds: 50 };
const FAULTS: readonly Fault[] = ['500', '503-slow-down', '500-done', 'drop', 'drop-done', 'drop-half', 'drop-late'];

describe('16 writers on one bucket, 50 rounds', () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  it('lose and fork nothing on Azurite, through calls that fail', async () => {
    const { account, endpoint, key } = azurite;
    await azurite.makeContainer('race');
    const open = () => openTestBlobs(`azure://${account}/race/some/where?endpoint=${endpoint}`, { driver: 'azure', type: 'key', key });
    const { lost, unclear } = await raceOnBucket({ ...RACE, open, loss: 0.05 });
    expect(lost).toBeGreaterThan(50);
    expect(unclear).toBeGreaterThan(50);
  });

  it('lose and fork nothing on S3 (a double) that fails in every way', async () => {
    let turn = 0;
    const { endpoint, accessKeyId, secretAccessKey, close } = await startS3Double({
      fault: () => (turn++ % 20 === 0 ? (FAULTS[((turn / 20) % FAULTS.length) | 0] as Fault) : null),
    });
    const retries = { attempts: 2, firstPause: 5, longestPause: 20 };
    const open = () => openTestBlobs(`s3://bucket?endpoint=${endpoint}`, { driver: 's3', accessKeyId, secretAccessKey }, retries);
    expect((await raceOnBucket({ ...RACE, open, loss: 0 })).lost).toBeGreaterThan(50);
    await close();
  });
});
