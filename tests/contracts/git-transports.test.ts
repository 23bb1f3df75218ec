import { afterAll, describe, expect, it } from 'vitest';
import { RemoteError } from '../../src/core/ports/remote.ts';
import { race } from './git-race.ts';
import { carriesEverything, gitOverHttp, gitOverSsh } from './git-transports.ts';

// All of the contract over these runs in `npm run test:long`.
const FEW = { writers: 2, rounds: 2, kills: 0 };
const ssh = await gitOverSsh();
const http = await gitOverHttp();
afterAll(async () => {
  await ssh.stop();
  await http.stop();
});

describe('a git repository over ssh', () => {
  it('is carried everything', () => carriesEverything(ssh));
  it('loses and forks nothing of two machines', () => race({ via: ssh, ...FEW }));
});

describe('a git repository over http with a password', () => {
  it('is carried everything', () => carriesEverything(http));
  it('loses and forks nothing of two machines', () => race({ via: http, ...FEW }));
  it('takes the password from git’s helper alone, and asks nobody where there is none', async () => {
    const path = await http.places.repository();
    const stranger = await http.places.machines(http.addressOf(path), {
      environment: { PATH: process.env['PATH'] ?? '', HOME: http.places.folder, GIT_CONFIG_NOSYSTEM: '1' },
    })();
    const error = await stranger.spaces().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ type: 'unauthorized', message: expect.not.stringContaining('a password') });
    await stranger.close();
  });
});
