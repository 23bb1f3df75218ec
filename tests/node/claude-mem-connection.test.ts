import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConnection, undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import { nodeHome, prepareHome, type NodeHome } from '../../src/node/home.ts';

let root: string;
let home: NodeHome;
let folder: string;
let file: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-connect-'));
  home = nodeHome(path.join(root, '.satchel'));
  await prepareHome(home);
  folder = path.join(root, '.claude-mem');
  file = path.join(folder, 'settings.json');
});
afterEach(() => rm(root, { recursive: true }));

const SETTINGS = {
  CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'cmem_x',
  CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me',
  CLAUDE_MEM_CLOUD_SYNC_HUB_URL: 'http://127.0.0.1:4600/claude-mem',
};
const connect = () => writeConnection(home, folder, SETTINGS, 'id');

async function given(text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
}
const read = (): Promise<string> => readFile(file, 'utf8');

describe('connect', () => {
  it('writes the three settings, keeps everything else in its place, and closes the file to others', async () => {
    await given('{\n    "CLAUDE_MEM_MODEL": "x",\n    "other": {"b": 1, "a": [2]}\n}\n');
    expect(await connect()).toMatchObject({ ok: true });
    const text = await read();
    expect(JSON.parse(text)).toEqual({ CLAUDE_MEM_MODEL: 'x', other: { b: 1, a: [2] }, ...SETTINGS });
    expect(text).toMatch(/^\{\n {4}"CLAUDE_MEM_MODEL": "x",\n {4}"other"/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readConnection(home)).toMatchObject({ file, tokenId: 'id', user: 'me' });
    expect((await stat(path.join(home.root, 'claude-mem-connection.json'))).mode & 0o777).toBe(0o600);
  });

  it('writes where claude-mem looks: into `env` of an older file', async () => {
    await given('{"env": {"CLAUDE_MEM_MODEL": "x"}, "more": 1}');
    await connect();
    expect(JSON.parse(await read())).toEqual({ env: { CLAUDE_MEM_MODEL: 'x', ...SETTINGS }, more: 1 });
  });

  it('writes through a link, which stays', async () => {
    await mkdir(folder);
    await writeFile(path.join(root, 'dotfile.json'), '{"a": 1}');
    await symlink(path.join(root, 'dotfile.json'), file);
    await connect();
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect(JSON.parse(await read())).toEqual({ a: 1, ...SETTINGS });
  });

  it.each(['not json', '[]', '"x"', '{"a": 1'])('leaves alone what is no settings file: %s', async (text) => {
    await given(text);
    expect(await connect()).toMatchObject({ ok: false });
    expect(await read()).toBe(text);
    expect(await readConnection(home)).toBeNull();
  });
});

describe('disconnect', () => {
  it.each([
    '{\n    "CLAUDE_MEM_MODEL": "x"\n}',
    '{"CLAUDE_MEM_CLOUD_SYNC_TOKEN":"before","b":1}\n',
    '\uFEFF{ "weird" :  [1,\n2] }\r\n',
    '',
  ])('gives back the very bytes: %j', async (text) => {
    await given(text);
    await connect();
    expect(await undoConnection(home)).toMatchObject({ ok: true, value: { tokenId: 'id' } });
    expect(await read()).toBe(text);
    expect(await readConnection(home)).toBeNull();
  });

  it('takes away a file that was not there', async () => {
    await connect();
    await undoConnection(home);
    await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what changed since, and puts only the three back', async () => {
    await given('{"CLAUDE_MEM_CLOUD_SYNC_TOKEN": "cloud", "a": 1}');
    await connect();
    const now = { ...(JSON.parse(await read()) as object), CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'd', a: 2 };
    await writeFile(file, JSON.stringify(now));
    await undoConnection(home);
    expect(JSON.parse(await read())).toEqual({ CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'cloud', a: 2, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'd' });
  });

  it('leaves alone a connection that somebody else made since', async () => {
    await given('{"a": 1}');
    await connect();
    const theirs = { ...SETTINGS, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: 'https://cloud.example', CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'theirs' };
    const elsewhere = JSON.stringify({ a: 1, ...theirs });
    await writeFile(file, elsewhere);
    await undoConnection(home);
    expect(await read()).toBe(elsewhere);
  });

  it('takes our token out where another server was put in since, and keeps what was there before in a file', async () => {
    await given('{"CLAUDE_MEM_CLOUD_SYNC_TOKEN": "cloud", "CLAUDE_MEM_CLOUD_SYNC_HUB_URL": "https://cloud.example"}');
    await chmod(file, 0o644);
    await connect();
    const { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, ...rest } = SETTINGS;
    const elsewhere = { ...rest, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: 'https://other.example' };
    await writeFile(file, JSON.stringify({ ...elsewhere, CLAUDE_MEM_CLOUD_SYNC_TOKEN: token }));
    const undone = await undoConnection(home);
    const kept = path.join(home.root, 'claude-mem-connection.json.undone');
    expect(undone).toMatchObject({ ok: true, value: { left: ['CLAUDE_MEM_CLOUD_SYNC_HUB_URL'], kept } });
    expect(JSON.parse(await read())).toEqual(elsewhere);
    expect(JSON.parse(await readFile(kept, 'utf8'))).toMatchObject({ settings: { CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'cloud' } });
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect(await readConnection(home)).toBeNull();
    // What is kept of another time is no reason to lose this.
    await connect();
    await writeFile(file, JSON.stringify({ ...SETTINGS, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: 'https://third.example' }));
    await undoConnection(home);
    expect((await readdir(home.root)).filter((name) => name.includes('.undone'))).toHaveLength(2);
    expect(await readFile(kept, 'utf8')).toContain('"cloud"');
  });

  it('gives back who may read the file, and takes away a folder that it made, unless something is in it', async () => {
    await given('{}');
    await chmod(file, 0o644);
    await connect();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await connect();
    await undoConnection(home);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    await rm(folder, { recursive: true });
    await connect();
    await connect();
    await undoConnection(home);
    await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
    await connect();
    await writeFile(path.join(folder, 'other'), '');
    await undoConnection(home);
    expect(await readdir(folder)).toEqual(['other']);
  });

  it('after connecting twice gives back what was there before the first time', async () => {
    await given('{"a": 1}');
    await connect();
    await writeConnection(home, folder, { ...SETTINGS, CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'second' }, 'id2');
    expect(JSON.parse(await read())).toMatchObject({ CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'second' });
    await undoConnection(home);
    expect(await read()).toBe('{"a": 1}');
  });

  it('does nothing where nothing was connected', async () => {
    expect(await undoConnection(home)).toEqual({ ok: true, value: null });
  });
});
