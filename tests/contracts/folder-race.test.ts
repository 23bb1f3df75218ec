import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeRecord, EMPTY_HEAD, hasValidSignature, headAfter, type Head } from '../../src/core/log/record.ts';
import { whatBreaksChain } from '../../src/remotes/checks.ts';
import { createFolder, openFolderRemote } from '../../src/remotes/folder/open.ts';
import { createSpaceWriter, segment } from './space-writer.ts';
import { createTestClock } from './test-clock.ts';
import { extent } from '../setup/extent.ts';

const ROOT = join(import.meta.dirname, '../..');
const WRITERS = 4;
const KILLS = extent(16, 40);
const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

let compiled: string;
let folder: string;

// Inside node_modules, so that the compiled program finds its dependencies.
beforeAll(async () => {
  const cache = join(ROOT, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  compiled = await mkdtemp(join(cache, 'folder-race-'));
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noEmit: false, noCheck: true, rootDir: ROOT, outDir: compiled, typeRoots: [join(ROOT, 'node_modules/@types')] },
    include: [],
    files: [join(ROOT, 'tests/contracts/folder-writer.ts')],
  };
  await writeFile(join(compiled, 'tsconfig.json'), JSON.stringify(config));
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}');
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', compiled], { stdio: 'pipe' });
  folder = await mkdtemp(join(tmpdir(), 'satchel-race-'));
});

afterAll(async () => {
  await rm(compiled, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

it(`loses and forks nothing while ${WRITERS} processes race and are killed ${KILLS} times`, async () => {
  await createFolder(folder, random);
  const remote = await openFolderRemote(folder, { clock: createTestClock(), random });
  const { space, genesis } = createSpaceWriter();
  await remote.append(space, EMPTY_HEAD, segment([genesis]));

  const notes = await mkdtemp(join(tmpdir(), 'satchel-race-notes-'));
  const failures: string[] = [];
  /** Kills it at any moment, or at any moment once it has so many answers. */
  const run = async (path: string, answers: number): Promise<void> => {
    const program = join(compiled, 'tests/contracts/folder-writer.js');
    const child: ChildProcess = spawn(process.execPath, [program, folder, space, path], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (data: Buffer) => failures.push(data.toString()));
    const ended = once(child, 'exit');
    const answered = async (): Promise<number> => (existsSync(path) ? (await readFile(path, 'utf8')).split('\n').length - 2 : -1);
    while ((await answered()) < answers && child.exitCode === null) await delay(5);
    await delay(randomInt(0, answers > 0 ? 20 : 150));
    child.kill('SIGKILL');
    await ended;
  };
  const lane = async (writer: number): Promise<void> => {
    for (let turn = 0; turn < KILLS / WRITERS; turn += 1) await run(join(notes, `${writer}-${turn}`), turn % 2 === 0 ? 0 : randomInt(1, 4));
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => lane(writer)));
  expect(failures).toEqual([]);

  const found = new Map<number, string>();
  const fresh = await openFolderRemote(folder, { clock: createTestClock(), random });
  let head: Head = EMPTY_HEAD;
  for (;;) {
    const page = await fresh.read(space, head.position + 1, { records: 1_000, bytes: 8 * 1024 * 1024 });
    if (page.records.length === 0) break;
    for (const bytes of page.records) {
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error(record.error);
      expect(whatBreaksChain(space, head, record.value)).toBeNull();
      expect(hasValidSignature(record.value)).toBe(true);
      const objects = await fresh.getObjects(space, record.value.header.objects);
      expect(objects.size).toBe(record.value.header.objects.length);
      head = headAfter(record.value);
      found.set(head.position, head.hash);
    }
  }
  expect(await remote.head(space)).toEqual(head);

  let acknowledged = 0;
  for (const name of await readdir(notes)) {
    const lines = (await readFile(join(notes, name), 'utf8')).split('\n').slice(1, -1);
    for (const line of lines) {
      const [position, hash] = line.split(' ');
      expect(found.get(Number(position))).toBe(hash);
      acknowledged += 1;
    }
  }
  expect(acknowledged).toBeGreaterThanOrEqual(KILLS / 2);
  await rm(notes, { recursive: true });
});
