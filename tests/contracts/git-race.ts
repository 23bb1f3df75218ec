import { randomInt } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { decodeRecord, EMPTY_HEAD, hasValidSignature, headAfter, type Head, type LogRecord } from '../../src/core/log/record.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { whatBreaksChain } from '../../src/remotes/checks.ts';
import type { GitDeps } from '../../src/remotes/git/open.ts';
import { createGitPlaces, type GitPlaces } from './git-place.ts';
import { createSpaceWriter, createWriterOf, sealedObject, segment } from './space-writer.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { randomBytes } from 'node:crypto';

export interface RaceOptions {
  /** How the repositories are reached; by their paths where absent. */
  readonly via?: { readonly places: GitPlaces; readonly addressOf: (path: string) => string; readonly options?: Partial<GitDeps> };
  readonly writers: number;
  /** Commits that each writer lands. */
  readonly rounds: number;
  /** How many git processes are killed meanwhile, at random. */
  readonly kills: number;
}

/**
 * So many machines on one repository, each landing its commits whatever happens to its git: every acknowledged one is
 * there in the end, once, in one chain, with its objects.
 */
export async function race({ via, writers, rounds, kills }: RaceOptions): Promise<void> {
  const places = via?.places ?? (await createGitPlaces());
  try {
    const path = await places.repository();
    const open = places.machines(via?.addressOf(path) ?? `git+file://${path}`, via?.options);
    const { space, genesis } = createSpaceWriter();
    const first = await open();
    await first.append(space, EMPTY_HEAD, segment([genesis]));
    const acknowledged = new Map<string, LogRecord>();
    let running = true;

    const land = async (remote: Remote): Promise<void> => {
      const writer = createWriterOf(space, createSigningKey(randomBytes(32)));
      let head: Head = (await insisting(() => remote.head(space))) ?? EMPTY_HEAD;
      for (let round = 0; round < rounds;) {
        const object = sealedObject(1 + randomInt(60_000));
        const record = writer.record(head, { objects: [object.id] });
        const expected = head;
        const outcome = await remote.append(space, expected, segment([record], [object])).catch(unlessUnknown);
        // An unknown outcome: whoever reads on finds its commit, or does not.
        const seen =
          outcome === undefined
            ? await readFrom(remote, space, expected.position + 1)
            : outcome.type === 'moved'
              ? outcome.missing.map(decoded)
              : [];
        const landed = outcome?.type === 'appended' || seen.some(({ header }) => header.id === record.header.id);
        if (landed) {
          acknowledged.set(record.header.id, record);
          round += 1;
        }
        head = seen.length > 0 ? headAfter(seen.at(-1) as LogRecord) : landed ? headAfter(record) : expected;
      }
    };

    const machines = await Promise.all(Array.from({ length: writers }, () => open()));
    const killing = (async () => {
      for (let count = 0; count < kills && running; count += 1) {
        await new Promise((resolve) => setTimeout(resolve, randomInt(5, 60)));
        killOne(places.folder);
      }
    })();
    await Promise.all(machines.map(land));
    running = false;
    await killing;

    const reader = await open();
    const log = await readFrom(reader, space, 0);
    let head: Head = EMPTY_HEAD;
    for (const record of log) {
      expect(whatBreaksChain(space, head, record)).toBeNull();
      expect(hasValidSignature(record)).toBe(true);
      head = headAfter(record);
    }
    expect(acknowledged.size).toBe(writers * rounds);
    expect(log.filter(({ header }) => acknowledged.has(header.id))).toHaveLength(writers * rounds);
    const named = log.flatMap(({ header }) => header.objects);
    const found = await reader.getObjects(space, named);
    expect(found.size).toBe(named.length);
    for (const each of [first, reader, ...machines]) await each.close();
  } finally {
    if (via === undefined) await places.dispose();
  }
}

async function readFrom(remote: Remote, space: Parameters<Remote['read']>[0], from: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (;;) {
    const page = await insisting(() => remote.read(space, from + records.length, { records: 1_000, bytes: 8 * 1024 * 1024 }));
    if (page.records.length === 0) return records;
    records.push(...page.records.map(decoded));
  }
}

function decoded(bytes: Uint8Array): LogRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(record.error);
  return record.value;
}

/** Until it is answered: what was killed is asked again. */
async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await ask().then((value) => ({ value }), unlessUnknown);
    if (answer !== undefined) return answer.value;
  }
}

function unlessUnknown(error: unknown): undefined {
  if (error instanceof RemoteError && error.type === 'unreachable') return undefined;
  throw error;
}

/** One of the machines' git processes, by its id; not of those that serve the repository, which would leave its locks behind. */
function killOne(folder: string): void {
  const processes = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const ours = processes.filter(
    (line) => /^\s*\d+ (git|\/\S*\/git)\b/.test(line) && line.includes(`--git-dir=${folder}/caches`) && !line.includes('cat-file'),
  );
  const pid = Number(/^\s*(\d+)/.exec(ours[randomInt(Math.max(1, ours.length))] ?? '')?.[1] ?? 0);
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
