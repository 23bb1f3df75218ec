import { link, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteError } from '../../core/ports/remote.ts';
import { probeFolder, type ProbeFileSystem } from './probe.ts';

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'satchel-probe-'));
  folder = join(parent, 'a', 'b');
  await mkdir(folder, { recursive: true });
});

afterEach(() => rm(parent, { recursive: true }));

async function refusal(path: string, fileSystem?: ProbeFileSystem): Promise<RemoteError> {
  const error = await probeFolder(path, fileSystem).then(
    () => new Error('the folder was found fit'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(RemoteError);
  return error as RemoteError;
}

async function overwriting(existing: string, path: string): Promise<void> {
  await link(existing, `${path}~`);
  await rename(`${path}~`, path);
}

function failing(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('probeFolder', () => {
  it('finds a plain folder fit, and leaves nothing there', async () => {
    await probeFolder(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it('tells a missing folder from an unfit one', async () => {
    expect((await refusal(join(folder, 'missing'))).type).toBe('unreachable');
    const file = join(parent, 'file');
    await writeFile(file, '');
    expect(await refusal(file)).toMatchObject({ type: 'unfit', message: expect.stringContaining('not a folder') });
  });

  it('refuses a file system without hard links, and says so', async () => {
    for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP']) {
      const error = await refusal(folder, { link: () => Promise.reject(failing(code)) });
      expect(error).toMatchObject({ type: 'unfit', message: expect.stringMatching(new RegExp(`no hard links \\(${code}\\).*exFAT`)) });
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses links that overwrite', async () => {
    expect(await refusal(folder, { link: overwriting })).toMatchObject({ type: 'unfit', message: expect.stringContaining('overwrote') });
  });

  it('refuses links of which two may win a race', async () => {
    let calls = 0;
    const racy = async (existing: string, path: string): Promise<void> => {
      calls += 1;
      if (calls <= 2 || calls % 20 !== 0) return link(existing, path);
      await link(existing, path).catch(() => undefined); // claims that it worked
    };
    expect(await refusal(folder, { link: racy })).toMatchObject({ type: 'unfit', message: expect.stringContaining('not exactly one') });
  });

  it('passes on what may be gone tomorrow', async () => {
    await expect(probeFolder(folder, { link: () => Promise.reject(failing('EIO')) })).rejects.toThrow('EIO');
  });

  const entries: readonly [client: string, entry: string][] = [
    ['Dropbox', '.dropbox.cache'],
    ['Dropbox', '.dropbox'],
    ['OneDrive', '.849C9593-D756-4E56-8D6E-42412F2A707B'],
    ['Google Drive', '.tmp.drivedownload'],
    ['Syncthing', '.stfolder'],
    ['Syncthing', '.stignore'],
    ['Nextcloud or ownCloud', '.sync_0123456789ab.db'],
    ['Nextcloud or ownCloud', '._sync_0123456789ab.db'],
    ['Nextcloud or ownCloud', '.owncloudsync.log'],
    ['Resilio Sync', '.sync'],
  ];
  it.each(entries)('refuses a folder of %s (%s), in it or above it, and names the marker', async (client, entry) => {
    for (const place of [folder, join(parent, 'a'), parent]) {
      const marker = join(place, entry);
      await writeFile(marker, '');
      const error = await refusal(folder);
      expect(error.type).toBe('unfit');
      expect(error.message).toContain(client);
      expect(error.message).toContain(marker);
      await rm(marker);
    }
    await probeFolder(folder);
  });

  const names: readonly [client: string, path: string][] = [
    ['iCloud Drive', 'Library/Mobile Documents/com~apple~CloudDocs/x'],
    ['macOS file provider', 'Library/CloudStorage/SomeDrive/x'],
    ['OneDrive', 'OneDrive - Some Company/x'],
    ['OneDrive', 'OneDrive'],
    ['Dropbox', 'Dropbox (Personal)/x'],
    ['Google Drive', 'Google Drive/My Drive/x'],
    ['Nextcloud or ownCloud', 'Nextcloud/x'],
  ];
  it.each(names)('refuses a folder of %s by its name (%s)', async (client, path) => {
    const inside = join(parent, path);
    await mkdir(inside, { recursive: true });
    const error = await refusal(inside);
    expect(error.type).toBe('unfit');
    expect(error.message).toMatch(client === 'iCloud Drive' ? /iCloud Drive/ : new RegExp(client));
  });

  it('sees through a link into such a folder', async () => {
    const inside = join(parent, 'Dropbox', 'x');
    await mkdir(inside, { recursive: true });
    await symlink(inside, join(parent, 'innocent'));
    expect((await refusal(join(parent, 'innocent'))).message).toContain('Dropbox');
  });

  it('takes names that only look alike', async () => {
    for (const name of ['Dropboxes', 'my-onedrive-notes', 'nextcloud-backup']) {
      const inside = join(parent, name);
      await mkdir(inside);
      await probeFolder(inside);
    }
  });
});
