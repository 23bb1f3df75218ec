import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteError } from '../core/ports/remote.ts';
import { EXIT } from './exit-codes.ts';
import { runCli } from './frame.ts';
import { CommandFailure, defineCommand, type CommandResult, type CommandSpec, type LeafSpec } from './frame-command.ts';
import type { CommandEntry } from './frame-parser.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'satchel-cli-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const copy = defineCommand({
  summary: 'Copy an item',
  arguments: { item: { summary: 'what', required: true }, places: { summary: 'where to', variadic: true } },
  options: {
    dryRun: { type: 'flag', summary: 'change nothing' },
    name: { type: 'text', value: 'NAME', summary: 'new name' },
    port: { type: 'number', value: 'N', summary: 'port', min: 1, max: 65_535 },
    tag: { type: 'list', value: 'TAG', summary: 'tag' },
    mode: { type: 'choice', choices: ['fast', 'safe'], summary: 'how' },
  },
  examples: ['satchel copy a b'],
  async run({ args, options }) {
    return { human: `copied ${args.item}`, json: { args, options } };
  },
});

function leaf(run: () => Promise<CommandResult>): LeafSpec {
  return defineCommand({ summary: 's', examples: ['satchel x'], run });
}

const COMMANDS: Record<string, CommandSpec> = {
  copy,
  machines: {
    summary: 'Machines.',
    bare: 'list',
    verbs: {
      list: leaf(async () => ({ human: 'list', json: ['list'] })),
      remove: leaf(async () => ({ human: 'removed', json: ['remove'], exit: EXIT.open })),
    },
  },
  mneme: { summary: 'Mneme.', verbs: { serve: leaf(async () => ({ human: 'serving', json: {} })) } },
  fail: leaf(async () => {
    throw new CommandFailure(EXIT.refused, 'not-allowed', 'that is not allowed', { next: 'Run: satchel doctor' });
  }),
  far: leaf(async () => {
    throw new RemoteError('unreachable', 'no answer from pi');
  }),
  broken: leaf(async () => {
    throw new TypeError('x is undefined');
  }),
  foreign: leaf(async () => {
    throw new CommandFailure(EXIT.failed, 'deleted', 'a\u001b[2J\rb is deleted', { next: 'Run: satchel log' });
  }),
  raw: leaf(async () => ({ human: 'for a terminal', bytes: Uint8Array.of(0xff, 0x00, 0x0a), json: null })),
  settings: defineCommand({
    summary: 's',
    examples: ['satchel settings'],
    async run({ config }) {
      return { human: String((await config()).port), json: null };
    },
  }),
  paste: defineCommand({
    summary: 's',
    examples: ['satchel paste'],
    async run({ readStdin, ask }) {
      return { human: `${await readStdin(5)} ${await ask('?')}`, json: null };
    },
  }),
};

const loaded: string[] = [];
const entries: CommandEntry[] = Object.entries(COMMANDS).map(([name, spec]) => ({
  name,
  group: 'Commands:',
  summary: spec.summary,
  async load() {
    loaded.push(name);
    return spec;
  },
}));

async function satchel(line: string, stdin = '', isTTY = false, variables: NodeJS.ProcessEnv = {}) {
  const written = { out: '', err: '' };
  const take = (text: string | Uint8Array): string => (typeof text === 'string' ? text : Buffer.from(text).toString('latin1'));
  const exit = await runCli(line === '' ? [] : line.split(' '), {
    entries,
    io: {
      stdin: Readable.from([Buffer.from(stdin)]),
      stdout: { isTTY, write: (text) => (written.out += take(text)) },
      stderr: { write: (text) => (written.err += take(text)) },
    },
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    version: '1.2.3',
    variables: { HOME: home, SATCHEL_HOME: home, ...variables },
    onStopSignal: () => () => undefined,
  });
  return { exit, ...written };
}

describe('runCli', () => {
  it('gives arguments and options their types, with --json before or after the command', async () => {
    const expected = {
      args: { item: 'a', places: ['b', 'c'] },
      options: { dryRun: true, name: 'n', port: 7, tag: ['x', 'y'], mode: 'safe' },
    };
    for (const line of [
      'copy a b c --dry-run --name n --port 7 --tag x --tag=y --mode safe --json',
      '--json copy --tag x --tag y --mode=safe --port=7 --name=n --dry-run a b c',
    ]) {
      const { exit, out, err } = await satchel(line);
      expect([exit, err]).toEqual([0, '']);
      expect(JSON.parse(out)).toEqual(expected);
    }
    expect(JSON.parse((await satchel('copy a --json')).out)).toEqual({
      args: { item: 'a', places: [] },
      options: { dryRun: false, tag: [] },
    });
    expect(await satchel('copy a')).toEqual({ exit: 0, out: 'copied a\n', err: '' });
  });

  it('writes bytes as they are, except to a terminal', async () => {
    expect(await satchel('raw')).toEqual({ exit: 0, out: '\u00ff\u0000\n', err: '' });
    expect((await satchel('raw', '', true)).out).toBe('for a terminal\n');
    expect((await satchel('raw --json')).out).toBe('null\n');
  });

  it('lets no foreign text steer the terminal', async () => {
    expect((await satchel('foreign')).err).toBe('satchel: a\\u001b[2J\\u000db is deleted\nRun: satchel log\n');
  });

  it('takes what follows -- as arguments', async () => {
    expect(await satchel('copy -- --json')).toEqual({ exit: 0, out: 'copied --json\n', err: '' });
  });

  it.each([
    ['', 'a command is missing', 'Run: satchel --help'],
    ['cpoy a', "unknown command 'cpoy'", 'Did you mean: satchel copy?'],
    ['help cpoy', "unknown command 'cpoy'", 'Did you mean: satchel copy?'],
    ['xylophone', "unknown command 'xylophone'", 'Run: satchel --help'],
    ['--bogus', "unknown option '--bogus'", 'Run: satchel --help'],
    ['copy', "missing required argument 'item'", 'Run: satchel copy --help'],
    ['copy a --dry-rnu', "unknown option '--dry-rnu'", 'Did you mean --dry-run?'],
    ['copy a --name', "option '--name <NAME>' argument missing", 'Run: satchel copy --help'],
    ['copy a --name=', "option '--name' is empty: expected some text", 'Run: satchel copy --help'],
    [
      'copy a --port x',
      "option '--port <N>' argument 'x' is invalid. Expected a whole number from 1 to 65535.",
      'Run: satchel copy --help',
    ],
    [
      'copy a --port 0',
      "option '--port <N>' argument '0' is invalid. Expected a whole number from 1 to 65535.",
      'Run: satchel copy --help',
    ],
    [
      'copy a --port 1e3',
      "option '--port <N>' argument '1e3' is invalid. Expected a whole number from 1 to 65535.",
      'Run: satchel copy --help',
    ],
    [
      'copy a --mode slow',
      "option '--mode <fast|safe>' argument 'slow' is invalid. Allowed choices are fast, safe.",
      'Run: satchel copy --help',
    ],
    ['machines lsit', "unknown verb 'lsit' of satchel machines", 'Did you mean: satchel machines list?'],
    ['copy a --pxxt 1', "unknown option '--pxxt'", 'Run: satchel copy --help'],
    ['machines list --bogus', "unknown option '--bogus'", 'Run: satchel machines list --help'],
    ['machines list extra', "too many arguments for 'list'. Expected 0 arguments but got 1.", 'Run: satchel machines list --help'],
    ['mneme', 'satchel mneme needs a verb', 'Known are: serve. Run: satchel mneme --help'],
  ])('refuses %j with exit 2', async (line, message, next) => {
    expect(await satchel(line)).toEqual({ exit: 2, out: '', err: `satchel: ${message}\n${next}\n` });
    const withJson = await satchel(line === '' ? '--json' : `--json ${line}`);
    expect(withJson).toMatchObject({ exit: 2, err: '' });
    expect(JSON.parse(withJson.out)).toEqual({ error: { type: 'usage', message, next, details: null, exit: 2 } });
  });

  it('runs verbs, the bare one too, and passes on their exit code', async () => {
    expect(await satchel('machines')).toEqual({ exit: 0, out: 'list\n', err: '' });
    expect(await satchel('machines --json')).toEqual({ exit: 0, out: '["list"]\n', err: '' });
    expect(await satchel('machines remove')).toEqual({ exit: 3, out: 'removed\n', err: '' });
    expect(await satchel('mneme serve')).toMatchObject({ exit: 0 });
  });

  it('prints help with an example, without loading other commands', async () => {
    for (const line of ['copy --help', 'help copy', 'copy -h', 'copy a --bad --help']) {
      loaded.length = 0;
      const { exit, out, err } = await satchel(line);
      expect([exit, err]).toEqual([0, '']);
      expect(out).toContain('Example:\n  $ satchel copy a b');
      expect(loaded).toEqual(['copy']);
    }
    expect((await satchel('help machines remove')).out).toContain('Usage: satchel machines remove');
    loaded.length = 0;
    for (const line of ['--help', 'help', '--help --json']) expect((await satchel(line)).out).toContain('Copy an item');
    expect(loaded).toEqual([]);
  });

  it('prints the version', async () => {
    expect(await satchel('--version')).toEqual({ exit: 0, out: 'satchel 1.2.3\n', err: '' });
    expect(await satchel('--version --json')).toEqual({ exit: 0, out: '{"version":"1.2.3"}\n', err: '' });
  });

  it('gives failures their exit codes, on stderr or as the document', async () => {
    expect(await satchel('fail')).toEqual({ exit: 5, out: '', err: 'satchel: that is not allowed\nRun: satchel doctor\n' });
    const { exit, out, err } = await satchel('fail --json');
    expect([exit, err, JSON.parse(out)]).toMatchObject([5, '', { error: { type: 'not-allowed', exit: 5 } }]);
    expect(await satchel('far')).toEqual({
      exit: 4,
      out: '',
      err: 'satchel: no answer from pi\nRun the same again when it is within reach\n',
    });
    expect(await satchel('broken')).toMatchObject({
      exit: 1,
      out: '',
      err: expect.stringMatching(/^satchel: this is a bug in Satchel: TypeError: x is undefined\n +at /),
    });
  });

  it('ends with exit 2 and all problems where the configuration is wrong', async () => {
    await writeFile(path.join(home, 'config.json'), '{"port": "x", "hubb": true}', { mode: 0o600 });
    const { exit, err } = await satchel('settings');
    expect(exit).toBe(2);
    expect(err).toContain('port: expected a number, got a string');
    expect(err).toContain('hubb: is not a known key. Did you mean hub?');
  });

  it('says what is wrong with a variable also where no configuration is read', async () => {
    expect(await satchel('copy a', '', false, { SATCHEL_PORT: 'abc' })).toMatchObject({
      exit: 2,
      err: expect.stringContaining('SATCHEL_PORT: expected a number, got "abc"'),
    });
    expect((await satchel('copy a', '', false, { SATCHEL_PORT: '70000' })).err).toContain('expected at most 65535, got 70000');
    expect((await satchel('copy a', '', false, { SATCHEL_PORT: '7000' })).exit).toBe(0);
  });

  it('reads stdin up to a limit, and asks nobody where there is no terminal', async () => {
    expect(await satchel('paste', 'abcde')).toEqual({ exit: 0, out: 'abcde null\n', err: '' });
    expect(await satchel('paste', 'abcdef')).toMatchObject({
      exit: 2,
      err: 'satchel: more than 5 bytes on standard input\nRun: satchel paste --help\n',
    });
  });
});
