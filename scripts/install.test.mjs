import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyInstall } from './install.mjs';
import { ensureNative, isKnownToLoad, mayAbort } from './native.mjs';

let root;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-install-'));
  await writeLock({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/mac-only': { version: '1.0.0', optional: true } });
});
afterEach(() => rm(root, { recursive: true, force: true }));

function writeLock(packages) {
  return writeFile(path.join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

async function writeInstalled(packages) {
  await mkdir(path.join(root, 'node_modules'), { recursive: true });
  await writeFile(path.join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}

describe('whyInstall', () => {
  it('installs after a clone, and after an interrupted install', async () => {
    expect(await whyInstall(root)).toBe('none are here yet');
    await mkdir(path.join(root, 'node_modules', '.vite'), { recursive: true });
    expect(await whyInstall(root)).toBe('none are here yet');
    await mkdir(path.join(root, 'node_modules', 'a'));
    expect(await whyInstall(root)).toBe('the last installation did not end: from the beginning');
  });

  it('does nothing where the lock file is met; optional packages may be absent', async () => {
    await writeInstalled({ 'node_modules/a': { version: '1.0.0' } });
    expect(await whyInstall(root)).toBeNull();
  });

  it('installs when a version changed or a package came', async () => {
    await writeInstalled({ 'node_modules/a': { version: '0.9.0' } });
    expect(await whyInstall(root)).toBe('a changed');
    await writeInstalled({});
    expect(await whyInstall(root)).toBe('a changed');
  });

  it('refuses a folder without a lock file', async () => {
    await rm(path.join(root, 'package-lock.json'));
    await expect(whyInstall(root)).rejects.toThrow('no complete checkout');
  });
});

describe('the native package', () => {
  beforeEach(async () => {
    await mkdir(path.join(root, 'node_modules', '@toondepauw', 'node-zstd'), { recursive: true });
    await writeFile(path.join(root, 'node_modules', '@toondepauw', 'node-zstd', 'index.js'), '');
  });
  async function writePackage(script) {
    const folder = path.join(root, 'node_modules', 'better-sqlite3');
    await mkdir(path.join(folder, 'build', 'Release'), { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{"main": "index.js"}');
    await writeFile(path.join(folder, 'index.js'), script);
    return path.join(folder, 'build', 'Release', 'better_sqlite3.node');
  }
  const WORKS = 'module.exports = class { close() {} };';
  const OF_ANOTHER_NODE = 'throw new Error("compiled against a different Node.js version");';

  it('is left alone where it works', async () => {
    await writePackage(WORKS);
    expect(await isKnownToLoad(root)).toBe(false);
    await ensureNative(root, () => expect.fail('nothing to do'));
    expect(await isKnownToLoad(root)).toBe(true);
  });

  it('is compiled again where it is of another Node', async () => {
    await writePackage(OF_ANOTHER_NODE);
    const asked = [];
    await ensureNative(root, async (args) => {
      asked.push(args.slice(0, 2));
      await writePackage(WORKS);
      return 0;
    });
    expect(asked).toEqual([['rebuild', 'better-sqlite3']]);
  });

  it('is looked at again when Node has another ABI', async () => {
    await writePackage(WORKS);
    await ensureNative(root, () => expect.fail('nothing to do'));
    const stamp = path.join(root, 'node_modules', '.satchel-loads');
    await writeFile(stamp, (await readFile(stamp, 'utf8')).replace(process.versions.modules, '1'));
    expect(await isKnownToLoad(root)).toBe(false);
  });

  it('is named where it does not work with this Node', async () => {
    await writePackage(OF_ANOTHER_NODE);
    const npm = async () => {
      await writePackage(OF_ANOTHER_NODE);
      return 0;
    };
    await expect(ensureNative(root, npm)).rejects.toThrow(
      /^better-sqlite3 was installed and does not load with Node [\d.]+: Error: compiled against a different Node.js version$/m,
    );
  });

  it('is known by what it calls where its headers make it abort', async () => {
    expect(await mayAbort(root)).toBe(false);
    const binary = await writePackage(WORKS);
    await writeFile(binary, 'AddEnvironmentCleanupHook');
    expect(await mayAbort(root)).toBe(false);
    await writeFile(binary, '\0_ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateE\0');
    expect(await mayAbort(root)).toBe(true);
  });
});
