import { afterAll, beforeEach, expect, it } from 'vitest';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import { PlaceLost, RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { createGitRepository } from '../../src/remotes/git/open.ts';
import { gitAddress, gitEnvironment, gitRandom } from '../contracts/git-place.ts';
import { gitOverHttp } from '../contracts/git-transports.ts';
import { createSpaceWriter, sealedObject, segment, type SpaceWriter } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';

const PAGE = { records: 100, bytes: 1024 * 1024 };
const http = await gitOverHttp();
afterAll(() => http.stop());

let path: string;
let writer: SpaceWriter;
let machine: Remote;
const object = sealedObject(1_000);

beforeEach(async () => {
  path = await http.places.repository();
  writer = createSpaceWriter();
  machine = await http.places.machines(http.addressOf(path))();
  const first = writer.record(headAfter(writer.genesis), { objects: [object.id] });
  await machine.append(writer.space, EMPTY_HEAD, segment([writer.genesis, first], [object]));
  return async () => {
    http.pretend(null);
    await machine.close();
  };
});

it.each([
  ['of one line', '<html><body>Sign in to go on</body></html>'],
  ['of several lines', '<!doctype html>\n<html>\n<body>\nSign in to go on\n</body>\n</html>\n'],
  ['without a word', ''],
])('takes a page %s in the place of the git host for no answer, and goes on when it is gone', async (_what, page) => {
  const stranger = await http.places.machines(http.addressOf(path))();
  http.pretend(page);
  for (const asked of [
    () => machine.head(writer.space),
    () => machine.spaces(),
    () => machine.read(writer.space, 0, PAGE),
    () => machine.append(writer.space, EMPTY_HEAD, segment([writer.genesis])),
    () => stranger.head(writer.space),
    () => stranger.mailboxes.slots('ab'.repeat(32)),
  ]) {
    const error = await asked().then(String, (caught: unknown) => caught);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).not.toBeInstanceOf(PlaceLost);
    expect(error).toMatchObject({
      type: 'unreachable',
      message: expect.stringMatching(/^git\+http:.*: what answers there is no git host/),
    });
  }
  const added = await createGitRepository(gitAddress(http.addressOf(path)), {
    clock: createTestClock(),
    random: gitRandom,
    caches: `${http.places.folder}/caches-added`,
    environment: gitEnvironment(http.places.home),
  }).catch((error: unknown) => error);
  expect(added).toMatchObject({ name: 'RemoteError', type: 'unreachable', message: expect.stringContaining('no git host') });
  http.pretend(null);
  expect((await machine.read(writer.space, 0, PAGE)).records).toHaveLength(2);
  expect((await stranger.read(writer.space, 0, PAGE)).records).toHaveLength(2);
  await stranger.close();
});
