import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRoot, until } from '../e2e/machine.ts';
import { buildImage, runImage, runInside, type Image } from './image.ts';

const SECRETS = { 'config.json': '{"hub": true, "host": "127.0.0.1", "metrics": true}', 'metrics-token': 'a-token-of-24-characters' };

/** No engine is needed: the steps are done one after the other, and what they made runs as it would, confined by the kernel itself. */
describe.each([
  ['deploy/Containerfile', SECRETS],
  ['deploy/mneme/Containerfile', null],
] as const)('%s', (file, secrets) => {
  const { root, remove } = makeRoot();
  let image: Image;
  let running: ChildProcess | undefined;
  let said = '';

  beforeAll(() => {
    // Whoever has no rights has to get to what is below.
    chmodSync(root, 0o755);
    image = buildImage(file, root);
  });
  afterAll(async () => {
    running?.kill('SIGKILL');
    remove();
  });

  /** The program of the image, which is the first process of its namespace. */
  const inner = (): number => {
    const { stdout } = spawnSync('pgrep', ['-P', `${running?.pid}`], { encoding: 'utf8' });
    return Number(stdout.trim().split('\n')[0]);
  };

  it('starts without rights on a file system that is read-only, passes its health check, and ends by itself', async () => {
    const mounted = path.join(root, 'mounted');
    mkdirSync(mounted);
    for (const [name, text] of Object.entries(secrets ?? {})) writeFileSync(path.join(mounted, name), text, { mode: 0o400 });
    const child = runImage(image, secrets === null ? null : mounted);
    running = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (said += part.toString()));
    await until('it is healthy', () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
      return runInside(image, inner(), image.health) === 0;
    });
    expect(said).toContain('Satchel hub');
    const status = readFileSync(`/proc/${inner()}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    for (const place of ['/app/x', '/x', '/usr/x', '/etc/x'])
      expect([place, runInside(image, inner(), ['touch', place])]).toEqual([place, 1]);
    expect(runInside(image, inner(), ['touch', '/data/x'])).toBe(0);
    // As people are told to ask it.
    expect(runInside(image, inner(), ['node', '/app/dist/cli/main.js', 'status', '--hub'])).toBe(0);
    process.kill(inner(), 'SIGTERM');
    await once(child, 'close');
    expect([child.exitCode, said]).toEqual([0, expect.stringMatching(/Stopped\.\n$/)]);
  });

  it('has no tools of the build in it, nor the sources', () => {
    for (const name of ['src', 'tests', 'docs', 'node_modules/typescript', 'node_modules/vitest']) {
      expect([name, runExists(path.join(image.root, 'app', name))]).toEqual([name, false]);
    }
    expect(runExists(path.join(image.root, 'app', 'node_modules', 'better-sqlite3'))).toBe(true);
  });
});

const runExists = (place: string): boolean => spawnSync('test', ['-e', place]).status === 0;
