import { chmod, lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeClone } from './clone-in-test.mjs';

let clone;
beforeEach(async () => {
  clone = await makeClone();
});
afterEach(() => clone.close());

const install = (options) => clone.start('install.mjs', 'ensureInstalled', options);
const build = () => clone.start('build.mjs', 'ensureBuilt');
const NATIVE = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';

describe('an installation', () => {
  it('is waited for by a second start, which says so and then goes on', async () => {
    await clone.write('hold');
    const first = install();
    await clone.pidOf('npm.log');
    const second = install();
    await second.says(`Another command of this clone (process ${first.pid}) installs the packages here: waiting for it`);
    await clone.remove('hold');
    expect([await first.ended, await second.ended]).toEqual([0, 0]);
    expect(await clone.npmDid()).toEqual(['install', 'installed']);
  });

  it.each([
    ['killed with its npm', (first, npm) => [first.kill('SIGKILL'), process.kill(npm, 'SIGKILL')]],
    ['interrupted from its terminal', (first) => first.interruptGroup()],
  ])('is taken over, and made from the beginning, by a second start where it is %s', async (_, end) => {
    await clone.write('hold');
    const first = install();
    const npm = await clone.pidOf('npm.log');
    const second = install();
    await second.says('waiting for it');
    end(first, npm);
    await second.says(/Installing 1 packages \(the last installation did not end: from the beginning\)/);
    await clone.remove('hold');
    expect(await second.ended).toBe(0);
    expect(await clone.npmDid()).toEqual(['install', 'install', 'installed']);
    expect(await clone.read(NATIVE)).toBe('native');
  });

  it('is waited for as long as its npm runs, where it alone was killed, and is then taken as it is', async () => {
    await clone.write('hold');
    const first = install();
    const npm = await clone.pidOf('npm.log');
    await expect.poll(async () => (await clone.read('.locks/install/1')).split('\n').length).toBe(2);
    first.kill('SIGKILL');
    await first.ended;
    const second = install();
    await second.says(`(process ${npm}) installs`);
    await clone.remove('hold');
    expect(await second.ended).toBe(0);
    expect(await clone.npmDid()).toEqual(['install', 'installed']);
  });

  it('that was killed half-way is found out by the next start', async () => {
    await clone.write('hold');
    const first = install();
    process.kill(await clone.pidOf('npm.log'), 'SIGKILL');
    expect(await first.ended).toBe(1);
    await clone.remove('hold');
    expect(await install().ended).toBe(0);
    expect(await clone.npmDid()).toEqual(['install', 'install', 'installed']);
  });

  it('whose native part is missing is mended by the next start', async () => {
    expect(await install().ended).toBe(0);
    await clone.remove('node_modules/better-sqlite3/build');
    const next = install();
    expect(await next.ended).toBe(0);
    expect(next.said()).toContain('better-sqlite3 is not compiled yet');
    expect(await clone.npmDid()).toEqual(['install', 'installed', 'rebuild', 'rebuilded']);
    expect(await install().ended).toBe(0);
    expect(await clone.npmDid()).toHaveLength(4);
  });

  it('of which a package is damaged is mended by the next start', async () => {
    expect(await install().ended).toBe(0);
    await clone.remove('node_modules/.satchel-loads');
    await clone.remove('node_modules/@toondepauw/node-zstd/index.js');
    const next = install();
    expect(await next.ended).toBe(0);
    expect(next.said()).toContain('@toondepauw/node-zstd does not load: installing it again');
    expect(await clone.npmDid()).toEqual(['install', 'installed', 'install', 'installed']);
  });

  it('whose native part cannot be made says what is so, and is tried again by the next start', async () => {
    await clone.write('no-compiler');
    const first = install();
    expect(await first.ended).toBe(1);
    await first.says(/FAILED: better-sqlite3 was installed and does not load with Node [^]*: Error: Could not locate the bindings file/);
    await clone.remove('no-compiler');
    expect(await install().ended).toBe(0);
  });

  it('leaves what is there where npm cannot install now', async () => {
    expect(await install().ended).toBe(0);
    const lock = await clone.read('package-lock.json');
    await clone.write('package-lock.json', lock.replace('1.0.0', '2.0.0'));
    await clone.write('offline');
    expect(await install().ended).toBe(1);
    await clone.write('package-lock.json', lock);
    expect(await install().ended).toBe(0);
    expect(await clone.npmDid()).toEqual(['install', 'installed', 'install']);
  });

  it('is refused clearly in a clone that cannot be written, which runs where all is there', async () => {
    const nobody = process.getuid() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    await chmod(clone.root, 0o555);
    const first = install(nobody);
    expect(await first.ended).toBe(1);
    await first.says(/FAILED: .* cannot be written by this user \(EACCES\)/);
    await chmod(clone.root, 0o755);
    expect(await install().ended).toBe(0);
    await clone.remove('.locks');
    await chmod(clone.root, 0o555);
    expect(await install(nobody).ended).toBe(0);
    await clone.remove('node_modules/.satchel-loads');
    expect(await install(nobody).ended).toBe(0);
    await chmod(clone.root, 0o755);
  });

  it("of the tests' services is waited for too", async () => {
    await clone.write('tests/services/hold');
    const first = clone.start('install.mjs', 'ensureServices');
    await clone.pidOf('tests/services/npm.log');
    const second = clone.start('install.mjs', 'ensureServices');
    await second.says(`(process ${first.pid}) installs the packages of the services`);
    await clone.remove('tests/services/hold');
    expect([await first.ended, await second.ended]).toEqual([0, 0]);
    expect(await clone.npmDid('tests/services/npm.log')).toEqual(['install', 'installed']);
  });
});

describe('packages that are a link to those of another clone', () => {
  /** Puts into `folder` of this clone a link to the packages of another; gives what those are, by file. */
  async function linkPackages(folder, files) {
    const other = path.join(clone.root, 'other', 'node_modules');
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(other, name)), { recursive: true });
      await writeFile(path.join(other, name), text);
    }
    await symlink(other, path.join(clone.root, folder, 'node_modules'), 'dir');
    return async () => {
      const found = await readdir(other, { recursive: true, withFileTypes: true });
      const names = found.filter((entry) => entry.isFile()).map((entry) => path.relative(other, path.join(entry.parentPath, entry.name)));
      return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(path.join(other, name), 'utf8')])));
    };
  }
  const isLink = async (folder) => (await lstat(path.join(clone.root, folder, 'node_modules'))).isSymbolicLink();
  const list = (version) => JSON.stringify({ packages: { 'node_modules/better-sqlite3': { version } } });
  const native = (index) => ({
    '.package-lock.json': list('1.0.0'),
    'better-sqlite3/package.json': '{"main":"index.js"}',
    'better-sqlite3/index.js': index,
    '@toondepauw/node-zstd/package.json': '{"main":"index.js"}',
    '@toondepauw/node-zstd/index.js': '',
  });

  it('are used as they are where they are those of the lock file', async () => {
    const files = native('module.exports = class { close() {} };');
    const there = await linkPackages('.', files);
    const services = path.join(clone.root, 'tests/services/node_modules');
    await symlink(path.join(clone.root, 'other', 'node_modules'), services, 'dir');
    expect(await install().ended).toBe(0);
    expect(await clone.start('install.mjs', 'ensureServices').ended).toBe(0);
    expect([await isLink('.'), await isLink('tests/services')]).toEqual([true, true]);
    expect(await there()).toMatchObject(files);
  });

  it.each([
    ['where an installation there has not ended', { 'better-sqlite3/package.json': '{}', 'other/index.js': '' }],
    ['where it has others', { '.package-lock.json': list('0.9.0'), '.satchel-loads': '{}', 'better-sqlite3/package.json': '{}' }],
  ])('stay as they are %s: this clone gets its own', async (_, files) => {
    for (const [folder, task] of [
      ['.', 'ensureInstalled'],
      ['tests/services', 'ensureServices'],
    ]) {
      const there = await linkPackages(folder, files);
      const started = clone.start('install.mjs', task);
      expect(await started.ended).toBe(0);
      await started.says(/node_modules is a link to .*other\/node_modules, which stays as it is: this clone gets packages of its own/);
      expect(await there()).toEqual(files);
      expect(await isLink(folder)).toBe(false);
      await clone.remove('other');
    }
    expect(await clone.read(NATIVE)).toBe('native');
    expect(await clone.npmDid('tests/services/npm.log')).toEqual(['install', 'installed']);
  });

  it('stay as they are where they do not load with this Node', async () => {
    const files = native('throw new Error("compiled against a different Node.js version");');
    const there = await linkPackages('.', files);
    expect(await install().ended).toBe(0);
    expect(await there()).toEqual(files);
    expect(await isLink('.')).toBe(false);
    expect(await clone.npmDid()).toEqual(['install', 'installed']);
    expect(await clone.read(NATIVE)).toBe('native');
  });

  it('that are not there any more are installed', async () => {
    await linkPackages('.', {});
    expect(await install().ended).toBe(0);
    expect(await clone.read(NATIVE)).toBe('native');
  });
});

describe('a build', () => {
  it('is waited for by a second start', async () => {
    await clone.write('hold');
    const first = build();
    await clone.pidOf('bundle.log');
    const second = build();
    await second.says(`(process ${first.pid}) builds the program: waiting for it`);
    await clone.remove('hold');
    expect([await first.ended, await second.ended]).toEqual([0, 0]);
    expect(await clone.npmDid('bundle.log')).toEqual(['bundle']);
  });

  it('is made by the second start where the first is killed, and nothing of it is left', async () => {
    await clone.write('hold');
    const first = build();
    const bundler = await clone.pidOf('bundle.log');
    const second = build();
    await second.says('waiting for it');
    first.kill('SIGKILL');
    process.kill(bundler, 'SIGKILL');
    await clone.pidOf('bundle.log', 1);
    await clone.remove('hold');
    expect(await second.ended).toBe(0);
    expect(await clone.read('dist/cli/main.js')).toBe('built');
    expect((await readdir(clone.root)).filter((name) => name.startsWith('.dist'))).toEqual([]);
  });

  it('that was killed while it took the place of another leaves that one', async () => {
    expect(await build().ended).toBe(0);
    await rename(path.join(clone.root, 'dist'), path.join(clone.root, '.dist-1-old'));
    expect(await build().ended).toBe(0);
    expect(await clone.read('dist/cli/main.js')).toBe('built');
    expect(await clone.npmDid('bundle.log')).toEqual(['bundle']);
  });

  it('whose program is missing is made again', async () => {
    expect(await build().ended).toBe(0);
    await clone.remove('dist/cli/main.js');
    expect(await build().ended).toBe(0);
    expect(await clone.read('dist/cli/main.js')).toBe('built');
  });
});
