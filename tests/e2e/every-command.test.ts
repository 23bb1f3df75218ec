import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { EXIT_MEANINGS } from '../../src/cli/exit-codes.ts';
import { COMMANDS } from '../../src/cli/main-commands.ts';
import { documentedShapes } from './json-shape.ts';
import { Machine, makeRoot, until } from './machine.ts';
import { allLeaves, flagOf, runHere } from './run-here.ts';

const leaves = await allLeaves();
const named = leaves.map((leaf) => [leaf.call, leaf] as const);

describe('--help', () => {
  it('of satchel lists every command and the exit codes', async () => {
    const { code, stdout } = await runHere(['--help'], '/nowhere');
    expect(code).toBe(0);
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} .*${summary.slice(0, 20)}`, 'm'));
    for (const [exit, meaning] of EXIT_MEANINGS) expect(stdout).toContain(`  ${exit}  ${meaning}`);
    expect((await runHere(['help'], '/nowhere')).stdout).toBe(stdout);
  });

  it.each(named)('of %s says what it takes, with an example, and what --json gives', async (call, { words, spec }) => {
    const { code, stdout, stderr } = await runHere([...words, '--help'], '/nowhere');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: satchel ${call}`);
    expect(stdout).toMatch(/Examples?:\n {2}\$ satchel /);
    for (const [name, { summary }] of Object.entries(spec.arguments ?? {})) {
      expect(stdout).toContain(name);
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
    for (const [key, { summary }] of Object.entries(spec.options ?? {})) {
      expect(stdout).toContain(flagOf(key));
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
    expect(stdout).toContain('--json');
    expect(documentedShapes(spec.notes ?? '').length, `notes of ${call}: JSON: {…}`).toBeGreaterThan(0);
    expect((await runHere(['help', ...words], '/nowhere')).stdout).toBe(stdout);
    expect(JSON.parse((await runHere([...words, '--help', '--json'], '/nowhere')).stdout)).toEqual({ help: stdout });
  });
});

describe('in a clone', () => {
  const inClone = { npm_lifecycle_event: 'start', npm_package_name: 'satchel' };

  it.each(named)('the help of %s names commands as they are called there', async (_call, { words }) => {
    const { stdout } = await runHere([...words, '--help'], '/nowhere', '', inClone);
    expect(stdout).toContain(`Usage: npm start -- ${words.join(' ')}`);
    expect(stdout).not.toMatch(/(?<![\w/.-])satchel [a-z-]/);
  });

  it.each([['--help'], ['frobnicate'], ['status'], ['show'], ['up', '--port', 'x'], ['join'], ['log'], []])(
    'what %s says does too',
    async (...words) => {
      const { stdout, stderr } = await runHere(words, '/nowhere', '', inClone);
      expect(stdout + stderr).toContain('npm start -- ');
      expect(stdout + stderr).not.toMatch(/(?<![\w/.-])satchel (?:[a-z-]|COMMAND)/);
    },
  );
});

describe('--json', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [ana, bea, spare] = [machine('ana'), machine('bea'), machine('spare')];
  const places: Record<string, string> = {};

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'one\n');
    ana.write('rules/old.md', 'one\n');
    await ana.start();
    places['link'] = (await ana.ask<{ link: string }>(['invite'])).link;
    expect((await bea.run(['join', places['link'], '--name', 'bea', '--once'])).code).toBe(0);
    ana.write('rules/old.md', 'two\n');
    ana.write('CLAUDE.md', 'as ana wants it\n');
    await until('it is sent', async () => (await ana.run(['log'])).stdout.includes('2 times'));
    bea.write('CLAUDE.md', 'as bea wants it\n');
    expect((await bea.run(['sync'])).code).toBe(3);
    await until('ana has the conflict', async () => (await ana.run(['conflicts'])).code === 3);
    places['folder'] = path.join(root, 'stick');
    mkdirSync(places['folder']);
    places['backup'] = path.join(root, 'backup.age');
    places['key'] = path.join(root, 'key');
    const { identity } = JSON.parse(readFileSync(path.join(ana.store, 'keys/machine.json'), 'utf8')) as { identity: string };
    writeFileSync(places['key'], identity, { mode: 0o600 });
  });
  afterAll(async () => {
    await ana.kill();
    remove();
  });

  /**
   * A line that works, for each command: in this order, on `ana` with her node running. `null`: none without a terminal
   * or an end; such a command has its story elsewhere.
   */
  const LINES: Readonly<Record<string, readonly string[] | null>> = {
    up: null,
    status: ['status'],
    sync: ['sync'],
    log: ['log'],
    show: ['show', 'rules/old.md'],
    diff: ['diff', 'rules/old.md'],
    restore: ['restore', 'rules/old.md'],
    conflicts: ['conflicts'],
    resolve: ['resolve', 'CLAUDE.md', '--take', 'current'],
    pending: ['pending'],
    approve: ['approve', '--all'],
    reject: ['reject', '--all'],
    search: ['search', 'ana'],
    'sessions list': ['sessions'],
    'sessions restore': null,
    'projects list': ['projects'],
    'projects map': null,
    doctor: ['doctor'],
    'machines list': ['machines'],
    'machines role': ['machines', 'role', 'bea', 'writer'],
    'machines rename': ['machines', 'rename', 'bea', 'bee'],
    'machines revoke': ['machines', 'revoke', 'bee', '--yes'],
    'spaces list': ['spaces'],
    'remotes list': ['remotes'],
    'remotes add': ['remotes', 'add', '{folder}'],
    'spaces move': ['spaces', 'move', 'personal', '{folder}'],
    'remotes remove': null,
    'keys list': ['keys'],
    'keys recovery': null,
    'keys recover': null,
    'leases list': ['leases'],
    'leases release': null,
    'audit list': ['audit'],
    forget: ['forget', 'rules/old.md', '--yes'],
    'store sizes': ['store'],
    'store backup': ['store', 'backup', '{backup}'],
    'store restore': ['store', 'restore', '{backup}', '--key', '{key}'],
    'store migrate': null,
    'store verify': ['store', 'verify'],
    'store reindex': ['store', 'reindex'],
    'store prune': ['store', 'prune', '--older-than', '1'],
    'service install': ['service', 'install', '--dry-run'],
    'service remove': ['service', 'remove'],
    'service status': ['service', 'status'],
    'claude-mem serve': ['claude-mem', 'serve', '--user', 'ada', '--name', 'laptop'],
    'claude-mem connect': ['claude-mem', 'connect'],
    'claude-mem import': null,
    'claude-mem projects': ['claude-mem', 'projects', 'diary', '--local'],
    'claude-mem repair': ['claude-mem', 'repair'],
    'mneme status': ['mneme'],
    'mneme connect': ['mneme', 'connect'],
    'mneme disconnect': ['mneme', 'disconnect'],
    'mneme import': null,
    'mneme serve': ['mneme', 'serve', '--name', 'laptop', '--port', '0'],
    'claude-mem disconnect': ['claude-mem', 'disconnect'],
    invite: ['invite'],
    join: ['join', '{link}'],
    leave: ['leave', '--discard', '--yes'],
  };

  it('has a line for every command here', () => {
    expect(Object.keys(LINES).toSorted()).toEqual(leaves.map(({ call }) => call).toSorted());
  });

  it.each(Object.entries(LINES).flatMap(([call, line]) => (line === null ? [] : [[call, line] as const])))(
    'of %s is one document, of the shape that its help names',
    async (call, line) => {
      const spec = leaves.find((leaf) => leaf.call === call)?.spec;
      const on = call === 'join' || call === 'store restore' ? spare : ana;
      // `join` begins where `store restore` ended.
      if (call === 'join') {
        await spare.run(['leave', '--purge', '--discard', '--yes']);
        places['link'] = (await ana.ask<{ link: string }>(['invite'])).link;
      }
      const { stdout, stderr } = await on.run([
        ...line.map((word) => word.replace(/\{(\w+)\}/, (_, name: string) => places[name] ?? '')),
        '--json',
      ]);
      expect(stderr).toBe('');
      expect(stdout.trimEnd().split('\n')).toHaveLength(1);
      const document = JSON.parse(stdout) as object;
      const shapes = documentedShapes(spec?.notes ?? '').map((keys) => keys.toSorted());
      expect({ call, shapes, document }).toEqual({ call, shapes: expect.arrayContaining([Object.keys(document).toSorted()]), document });
    },
  );
});
