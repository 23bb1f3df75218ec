import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

describe('two machines with nothing but a git repository between them', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'), { GIT_CONFIG_NOSYSTEM: '1' })) as [
    Machine,
    Machine,
  ];
  const repository = path.join(root, 'space.git');
  const address = `git+file://${repository}`;
  const git = (...args: string[]): string => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();

  beforeAll(async () => {
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    ana.write('CLAUDE.md', 'at home\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((m) => m.kill()));
    remove();
  });

  it('is refused as a folder, named where it is not empty, and leaves nothing behind where it is none', async () => {
    const asFolder = await ana.runAsking(['remotes', 'add', repository]);
    expect([asFolder.code, asFolder.stderr]).toEqual([2, expect.stringContaining(`satchel remotes add ${address}`)]);
    expect(git('for-each-ref')).toBe('');
    const caches = (): string[] => (existsSync(path.join(ana.store, 'git')) ? readdirSync(path.join(ana.store, 'git')) : []);
    expect((await ana.runAsking(['remotes', 'add', `${address}-not-there`])).code).not.toBe(0);
    expect(caches()).toEqual([]);
    const full = path.join(root, 'full.git');
    const commit = ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '--quiet', '--allow-empty', '-m', 'x'];
    execFileSync('git', ['init', '--quiet', '-b', 'main', `${full}-work`]);
    execFileSync('git', ['-C', `${full}-work`, ...commit]);
    execFileSync('git', ['clone', '--quiet', '--bare', `${full}-work`, full]);
    const added = await ana.runAsking(['remotes', 'add', `git+file://${full}`]);
    expect([added.code, added.stdout + added.stderr]).toEqual([0, expect.stringContaining('It is not empty (main)')]);
    expect((await ana.runAsking(['remotes', 'remove', `git+file://${full}`])).code).toBe(0);
  });

  it('keeps a space there, and lets another machine in through it', async () => {
    expect(await ana.ask(['remotes', 'add', address])).toEqual({ address, made: true, lost_home_of: [], batch_ms: null });
    expect(await ana.ask(['remotes', 'add', address])).toEqual({ address, made: false, lost_home_of: [], batch_ms: null });
    expect((await ana.runAsking(['remotes'])).stdout).toMatch(/git\+file:.* +git +-/);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).stdout).toBe(`personal is kept at ${address} now.\n`);
    const { link } = await ana.ask<{ link: string }>(['invite']);
    expect(link).toContain(address);
    await bea.start(['join', link, '--name', 'bea']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'at home\n');
    expect((await bea.runAsking(['status'])).stdout).toMatch(/^In sync with git\+file:/);
  });

  it('carries edits both ways', async () => {
    ana.write('rules/a.md', 'from ana\n');
    await until('bea has it', () => bea.read('rules/a.md') === 'from ana\n');
    bea.write('rules/b.md', 'from bea\n');
    await until('ana has it', () => ana.read('rules/b.md') === 'from bea\n');
  });

  it('goes on while the repository is away, and catches up, with what both wrote', async () => {
    renameSync(repository, `${repository}-away`);
    ana.write('rules/a2.md', 'ana, offline\n');
    bea.write('rules/b2.md', 'bea, offline\n');
    await until('ana says so', async () => /^Not syncing: .*no git repository/.test((await ana.runAsking(['status'])).stdout));
    renameSync(`${repository}-away`, repository);
    await until('both have both', () => ana.read('rules/b2.md') === 'bea, offline\n' && bea.read('rules/a2.md') === 'ana, offline\n');
    expect((await ana.runAsking(['status'])).code).toBe(0);
  });

  it('goes on after a kill, and without its caches', async () => {
    await bea.kill();
    rmSync(path.join(bea.store, 'git'), { recursive: true });
    ana.write('rules/a3.md', 'ana, while bea was dead\n');
    await bea.start();
    await until('bea has it', () => bea.read('rules/a3.md') === 'ana, while bea was dead\n');
    bea.write('rules/b3.md', 'bea again\n');
    await until('ana has it', () => ana.read('rules/b3.md') === 'bea again\n');
  });

  it('leaves nothing readable there, and takes leave of it', async () => {
    const everything = git('rev-list', '--objects', '--all', '--no-object-names').split('\n');
    const bytes = execFileSync('git', ['-C', repository, 'cat-file', '--batch'], { input: `${everything.join('\n')}\n` }).toString(
      'latin1',
    );
    for (const word of ['from ana', 'CLAUDE.md', 'rules/', 'offline']) expect(bytes).not.toContain(word);
    expect((await ana.runAsking(['remotes', 'remove', address])).code).toBe(5);
    expect((await ana.runAsking(['doctor'])).stdout).toMatch(/None of \d+ checks failed/);
    expect((await ana.runAsking(['spaces', 'move', 'personal', 'here'])).code).toBe(0);
    expect((await ana.runAsking(['remotes', 'remove', address])).code).toBe(0);
    expect(git('rev-parse', '--verify', 'refs/heads/satchel/v1')).toMatch(/^[0-9a-f]{40}$/);
  });
});
