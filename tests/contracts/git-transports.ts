import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import type { GitDeps } from '../../src/remotes/git/open.ts';
import { startGitOverHttp, type GitOverHttp } from '../services/git-over-http.ts';
import { startGitOverSsh } from '../services/git-over-ssh.ts';
import { createGitPlaces, gitEnvironment, type GitPlaces } from './git-place.ts';
import { createSpaceWriter, sealedObject, segment } from './space-writer.ts';
import { createTestClock } from './test-clock.ts';

/** A way to repositories other than by their paths. */
export interface GitTransport {
  readonly name: string;
  readonly places: GitPlaces;
  readonly addressOf: (path: string) => string;
  readonly options: Partial<GitDeps>;
  readonly stop: () => Promise<void>;
}

/** ssh, with a real sshd where there is one. */
export async function gitOverSsh(): Promise<GitTransport> {
  const places = await createGitPlaces();
  const host = await startGitOverSsh(join(places.folder, 'ssh'));
  return {
    name: `git over ssh${host.isReal ? '' : ', without a real sshd'}`,
    places,
    addressOf: (path) => `${host.prefix}${path}`,
    options: { environment: gitEnvironment(places.home, { GIT_SSH_COMMAND: host.command }) },
    async stop() {
      await host.stop();
      await places.dispose();
    },
  };
}

/** http with a password, which git has from a helper of its user's. */
export async function gitOverHttp(): Promise<GitTransport & Pick<GitOverHttp, 'pretend'>> {
  const places = await createGitPlaces();
  const host = await startGitOverHttp(places.folder, 'someone', 'a password');
  const helper = `!printf 'username=someone\\\\npassword=a password\\\\n'`;
  await writeFile(join(places.home, '.gitconfig'), `[credential "http://127.0.0.1:${host.port}"]\n\thelper = "${helper}"\n`);
  return {
    name: 'git over http',
    places,
    addressOf: (path) => `${host.prefix}/${basename(path)}`,
    options: {},
    pretend: host.pretend,
    async stop() {
      await host.stop();
      await places.dispose();
    },
  };
}

/** What goes another way over each network: pushes of all sorts, and bodies by their names. */
export async function carriesEverything({ places, addressOf, options }: GitTransport): Promise<void> {
  const open = places.machines(addressOf(await places.repository()), options);
  const [ana, bea] = [await open(), await open()];
  try {
    const writer = createSpaceWriter();
    const [small, large] = [sealedObject(1_000), sealedObject(400_000)];
    const record = writer.record(headAfter(writer.genesis), { objects: [small.id, large.id] });
    expect(await bea.head(writer.space)).toBeNull();
    await ana.putObjects(writer.space, [large]);
    expect(await ana.append(writer.space, EMPTY_HEAD, segment([writer.genesis, record], [small]))).toMatchObject({ type: 'appended' });
    expect(await bea.spaces()).toEqual([writer.space]);
    expect((await bea.read(writer.space, 0, { records: 10, bytes: 1024 * 1024 })).records).toHaveLength(2);
    const got = await bea.getObjects(writer.space, [small.id, large.id]);
    expect([small, large].every(({ id, bytes }) => Buffer.compare(got.get(id) ?? Buffer.alloc(0), bytes) === 0)).toBe(true);
    const checkpoint = randomBytes(1_000_000);
    await bea.writeCheckpoint(writer.space, 1, checkpoint);
    expect(Buffer.compare((await ana.readCheckpoint(writer.space)) ?? Buffer.alloc(0), checkpoint)).toBe(0);
    const expires = createTestClock().now() + 60_000;
    expect(await ana.mailboxes.post('ab'.repeat(32), 'request', Buffer.from('one'), expires)).toBe(true);
    expect(await bea.mailboxes.post('ab'.repeat(32), 'request', Buffer.from('two'), expires)).toBe(false);
    expect(Buffer.from((await bea.mailboxes.read('ab'.repeat(32), 'request')) ?? []).toString()).toBe('one');
    // What was sent here is not kept here, and comes back when it is asked for.
    expect((await ana.getObjects(writer.space, [large.id])).size).toBe(1);
  } finally {
    await ana.close();
    await bea.close();
  }
}
