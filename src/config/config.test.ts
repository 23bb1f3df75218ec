import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type ConfigFlags } from './config.ts';
import { readEnvironment } from './environment.ts';
import { problemToText } from './problem.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'satchel-config-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function load(file: unknown, env: Record<string, string> = {}, flags: ConfigFlags = {}) {
  if (file !== undefined) {
    const text = typeof file === 'string' ? file : JSON.stringify(file);
    await writeFile(path.join(home, 'config.json'), text, { mode: 0o600 });
  }
  const environment = readEnvironment({ HOME: '/home/ada', SATCHEL_HOME: home, ...env });
  if (!environment.ok) throw new Error(environment.error.map(problemToText).join('\n'));
  return loadConfig(environment.value, flags);
}

async function problemsOf(...args: Parameters<typeof load>): Promise<string[]> {
  const result = await load(...args);
  if (result.ok) throw new Error('expected problems');
  return result.error.map((problem) => problemToText(problem).replace(`${home}/`, ''));
}

describe('loadConfig', () => {
  it('has defaults without a file, and makes none', async () => {
    const config = await load(undefined);
    expect(config).toMatchObject({
      ok: true,
      value: { host: '127.0.0.1', port: 4600, hub: false, logLevel: 'info', sources: [], names: [], claudeMem: { projects: [] } },
    });
  });

  it('lets flags win over the environment, and the environment over the file', async () => {
    const env = { SATCHEL_PORT: '2', SATCHEL_HUB: '1', SATCHEL_LOG_LEVEL: 'debug' };
    const config = await load({ port: 1, host: 'a', logLevel: 'warn' }, env, { port: 3 });
    expect(config).toMatchObject({ ok: true, value: { host: 'a', port: 3, hub: true, logLevel: 'debug' } });
  });

  it.each(['claude', 'claude-json', 'claude-mem', 'mneme'])('refuses a source of the name %s, which is one of its own', async (id) => {
    const config = await load({ sources: [{ id, path: '/tmp/x' }] });
    expect(JSON.stringify(config)).toContain('expected another name than claude, claude-json, claude-mem, mneme, which are Satchel’s own');
  });

  it('expands ~ in paths of sources', async () => {
    const config = await load({ sources: [{ id: 'notes', path: '~/notes', exclude: ['tmp/**'] }] });
    expect(config).toMatchObject({ ok: true, value: { sources: [{ id: 'notes', path: '/home/ada/notes', exclude: ['tmp/**'] }] } });
  });

  it('names all problems at once: key, type of the value, what to do', async () => {
    const file = {
      prot: 4600,
      port: '4600',
      logLevel: 'loud',
      sources: [
        { id: 'a', path: 'relative' },
        { id: 'a', pth: '/x', path: '/y' },
        { path: 7, id: 'B!' },
      ],
    };
    expect(await problemsOf(file, { SATCHEL_PORT: '70000', SATCHEL_HUB: 'maybe' }, { host: 'http://x' })).toMatchInlineSnapshot(`
      [
        "config.json: port: expected a number, got a string. Set port to a whole number from 0 to 65535, e.g. 4600",
        "config.json: logLevel: expected one of trace, debug, info, warn, error, silent, got a string. Choose one of them",
        "config.json: sources[0].path: expected an absolute path, or one that starts with ~/. Set sources[0].path to the folder to capture, e.g. ~/notes",
        "config.json: sources[1].pth: is not a known key. Did you mean path?",
        "config.json: sources[2].id: expected lower-case letters, digits and dashes, 64 at most. Set sources[2].id to a short name, e.g. notes",
        "config.json: sources[2].path: expected a string, got 7. Set sources[2].path to the folder to capture, e.g. ~/notes",
        "config.json: prot: is not a known key. Did you mean port?",
        "config.json: sources[1].id: is the id of an earlier source too. Give each source an id of its own",
        "the environment: SATCHEL_PORT: expected at most 65535, got 70000. Set SATCHEL_PORT to a whole number from 0 to 65535, e.g. 4600",
        "the environment: SATCHEL_HUB: expected a boolean, got a string. Set SATCHEL_HUB to true or false",
        "the command line: --host: expected a host name or an IP address, without scheme, port or brackets. Set --host to a host name or an IP address, e.g. 127.0.0.1",
      ]
    `);
  });

  it('names a wrong port of the environment', async () => {
    expect(await problemsOf(undefined, { SATCHEL_PORT: 'abc' })).toEqual([
      'the environment: SATCHEL_PORT: expected a number, got "abc". Set SATCHEL_PORT to a whole number from 0 to 65535, e.g. 4600',
    ]);
    expect((await problemsOf(undefined, { SATCHEL_PORT: 'tok-en-of-some-length' }))[0]).not.toContain('tok-en');
  });

  it('never repeats a wrong value', async () => {
    const problems = await problemsOf({ host: 's3cret pass', sources: 's3cret', hub: 's3cret' });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('s3cret');
  });

  it('says where a file is not JSON, without quoting it', async () => {
    expect(await problemsOf('{\n  "host": "x",\n  s3cret\n}')).toEqual([
      'config.json: is not JSON at line 3, column 3. Correct it there, or remove the file',
    ]);
    expect(await problemsOf('')).toEqual(['config.json: is not JSON: it is empty. Correct it there, or remove the file']);
    expect(await problemsOf('[]')).toEqual(['config.json: expected a JSON object. Start the file with { and end it with }']);
  });

  it.each(['__proto__', 'constructor'])('refuses the key %s', async (key) => {
    expect(await problemsOf(`{"${key}": {"port": 1}}`)).toEqual([expect.stringContaining(`${key}: is not a known key`)]);
  });

  it('refuses a file that others can read, with the command that mends it', async () => {
    await writeFile(path.join(home, 'config.json'), '{}');
    await chmod(path.join(home, 'config.json'), 0o644);
    expect(await load(undefined)).toMatchObject({ ok: true }); // its folder lets nobody in
    await chmod(home, 0o755);
    expect(await problemsOf(undefined)).toEqual([
      `config.json: can be read by other users (mode 0644). Run: chmod 600 ${path.join(home, 'config.json')}`,
    ]);
  });

  it('says in words that go together what was expected', async () => {
    expect(await problemsOf({ sources: 'notes' })).toEqual([
      'config.json: sources: expected a list (array), got a string. Set sources to a list, e.g. [{"id": "notes", "path": "~/notes"}]',
    ]);
  });

  it('says of the address of a bucket, and of a proxy, what is wrong with it', async () => {
    const wrong = { hub: true, proxies: ['10.0.0.0/8'] };
    const [where, who] = [
      'Set objects to where a bucket is, e.g. s3://bucket/prefix?endpoint=https://minio.example.org',
      'Set proxies[0] to a list of IP addresses, e.g. ["10.0.0.5"]',
    ];
    const proxy = `config.json: proxies[0]: expected an IP address each: networks (10.0.0.0/8) and names are not taken. ${who}`;
    for (const [objects, says] of [
      [
        's3://key:geheim@bucket',
        'expected an address without credentials: command lines and configuration are shown to others. What opens a bucket stands in buckets.json, or in the environment',
      ],
      ['gs://bucket', 'expected an address that begins with s3:// or azure://'],
      ['s3://my bucket', 'expected the address of a bucket, without spaces and of 2,000 characters at most'],
    ])
      expect((await problemsOf({ ...wrong, objects })).toSorted()).toEqual([proxy, `config.json: objects: ${says}. ${where}`].toSorted());
  });

  it('refuses a home that others can write to', async () => {
    await chmod(home, 0o777);
    const result = await load({});
    expect(result).toMatchObject({ ok: false, error: [{ where: home, fix: `Run: chmod 700 ${home}` }] });
  });

  it('refuses a config.json that is a folder', async () => {
    await mkdir(path.join(home, 'config.json'));
    expect(await problemsOf(undefined)).toEqual(['config.json: is not a plain file. Replace it by one']);
  });
});
