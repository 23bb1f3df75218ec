import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { hexToBytes } from '../../src/core/ids.ts';
import { parseJoinLink } from '../../src/core/joining/link.ts';
import { secretToWords } from '../../src/core/joining/words.ts';
import { filesBelow, search } from '../hostile/plaintext-search.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Invitation {
  readonly link: string;
  readonly words: string;
  readonly address: string;
}

const NAMES = ['zebra-quartz-filename-4711', 'ostrich-basalt-folder-0815', 'puffin-topaz-broken-name'];
const BODIES = ['walrus-granite-body-in-a-file', 'otter-slate-second-version', 'lemur-marble-other-side'];

/** Whole processes that log all they can: what is secret stands in no process list, no log and no output, and on the hub nowhere. */
describe('secrets of real processes', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'), { SATCHEL_LOG_LEVEL: 'trace' });
  const [hub, ana, bea, cem, dan, eve] = ['hub', 'ana', 'bea', 'cem', 'dan', 'eve'].map(machine) as [
    Machine,
    Machine,
    Machine,
    Machine,
    Machine,
    Machine,
  ];
  const all = [hub, ana, bea, cem, dan, eve];
  /** Everything that must be seen nowhere, as text. */
  const secrets: string[] = [];
  const raw: Buffer[] = [];
  const outputs: string[] = [];
  /** What was seen of each joining process, by its machine. */
  const processes = new Map<string, string>();

  beforeAll(async () => {
    await hub.start(['up', '--hub', '--port', '0']);
    ana.write(`${NAMES[1]}/CLAUDE.md`, `${BODIES[0]}\n`);
    ana.write(`rules/${NAMES[0]}.md`, `${BODIES[0]}\n`);
    ana.write(`rules/${NAMES[2]}.json`, `{"${BODIES[0]}": `);
    execFileSync('mkfifo', [path.join(ana.claude, 'rules', `${NAMES[2]}.md`)]);
    ana.write(`rules/${NAMES[2]}\n.md`, BODIES[0] as string);
    mkdirSync(path.join(ana.claude, 'plans'), { recursive: true });
    const { link } = await hub.ask<Invitation>(['invite']);
    remember({ link, words: '', address: '' });
    await ana.start(['join', '-', '--name', 'ana'], link);
    await joinWatched();
  });
  afterAll(async () => {
    await Promise.all(all.map((each) => each.kill()));
    remove();
  });

  /** The parts of an invitation that are secret. */
  function remember({ link, words }: Invitation): void {
    const parsed = parseJoinLink(link);
    if (!parsed.ok) throw new Error(parsed.error);
    const secret = Buffer.from(parsed.value.secret);
    raw.push(secret);
    // What any of its first letters give away is in the secret's own part of the link.
    secrets.push(link.split('#')[1]?.slice(0, 40) as string, secret.toString('hex'));
    if (words !== '') secrets.push(words);
  }

  async function invite(): Promise<Invitation> {
    const invitation = await ana.ask<Invitation>(['invite']);
    remember(invitation);
    return invitation;
  }

  /** All three begin to join while nobody answers, so that their processes can be looked at; then they are let in. */
  async function joinWatched(): Promise<void> {
    const [byInput, byArgument, byWords] = [await invite(), await invite(), await invite()];
    await ana.stop();
    const joining = [
      bea.start(['join', '-', '--name', 'bea'], byInput.link),
      cem.start(['join', byArgument.link, '--name', 'cem']),
      dan.start(['join', byWords.address, '--words', '-', '--name', 'dan'], byWords.words),
    ];
    const joiners = [bea, cem, dan];
    for (const each of joiners) await until(`${each.name} waits`, () => each.output.includes('Waiting for ana'));
    for (const each of joiners) processes.set(each.name, shownOf(each.pid));
    await Promise.all([ana.start(), ...joining]);
    for (const each of joiners) outputs.push(each.output);
  }

  /** What anybody on the machine, and its own user, can see of a process and of all others. */
  function shownOf(pid: number | undefined): string {
    const list = execFileSync('ps', ['-eo', 'args'], { maxBuffer: 64 * 1024 * 1024 }).toString();
    expect(list).toContain('up --hub');
    return [list, ...['cmdline', 'environ'].map((what) => readProc(`/proc/${pid}/${what}`))].join('\n');
  }

  function expectNoSecretIn(shown: string | undefined): void {
    expect(shown).toBeDefined();
    for (const secret of secrets) expect(shown?.includes(secret) === true ? secret.slice(0, 12) : '').toBe('');
  }

  it('a link read from standard input is in no process list', async () => {
    expectNoSecretIn(processes.get('bea'));
    await until('bea has it', () => bea.read(`rules/${NAMES[0]}.md`) === `${BODIES[0]}\n`);
  });

  it('a link given as an argument is taken off the process list at once', () => {
    expectNoSecretIn(processes.get('cem'));
  });

  it('words are read from standard input, and refused as arguments', async () => {
    expectNoSecretIn(processes.get('dan'));
    const { words, address } = await invite();
    const refused = await eve.run(['join', address, '--words', words, '--once']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('not given as arguments');
    expect(refused.stderr + refused.stdout).not.toContain(words.split(' ').slice(0, 3).join(' '));
  });

  it('recovery words are read from standard input, and refused as arguments', async () => {
    const file = readdirSync(path.join(ana.store, 'keys')).find((name) => name.startsWith('recovery-')) as string;
    const { secret } = JSON.parse(readFileSync(path.join(ana.store, 'keys', file), 'utf8')) as { secret: string };
    const words = secretToWords(hexToBytes(secret));
    secrets.push(words, secret);
    raw.push(Buffer.from(secret, 'hex'));
    const { address } = await hub.ask<Invitation>(['status']);
    const refused = await eve.run(['keys', 'recover', address, words]);
    expect(refused.code).toBe(2);
    const recovering = eve.run(['keys', 'recover', address, '-'], words);
    await until('it runs', () => execFileSync('ps', ['-eo', 'args']).toString().includes('keys recover'));
    expectNoSecretIn(shownOf(undefined));
    const { code, stdout, stderr } = await recovering;
    expect([code, stderr]).toEqual([0, '']);
    outputs.push(stdout, stderr);
  });

  it('after conflicts, refusals and crashes: no log or output of any of them holds a secret, a name or a body', async () => {
    await bea.stop();
    bea.write(`rules/${NAMES[0]}.md`, `${BODIES[2]}\n`);
    ana.write(`rules/${NAMES[0]}.md`, `${BODIES[1]}\n`);
    await until('cem has it', () => cem.read(`rules/${NAMES[0]}.md`) === `${BODIES[1]}\n`);
    await bea.start();
    await until('there is a conflict', async () => (await bea.runAsking(['status'])).code === 3);
    await hub.stop('SIGKILL');
    await until('ana notices', async () => (await ana.runAsking(['status'])).stdout.startsWith('Not syncing'));
    for (const each of all) await each.stop('SIGKILL');
    const tokens = all.map((each) => readPrivate(path.join(each.store, 'api-token'))).filter((token) => token !== '');
    expect(tokens.length).toBeGreaterThan(3);
    const logs = new Map<string, Buffer>([['outputs', Buffer.from(outputs.join('\n'))]]);
    for (const each of all) for (const [file, bytes] of await filesBelow(each.store)) if (/\.log|\/log/.test(file)) logs.set(file, bytes);
    expect(logs.size).toBeGreaterThan(3);
    expect(await search(logs, [...secrets, ...tokens, ...NAMES, ...BODIES])).toEqual([]);
    for (const bytes of logs.values()) for (const secret of raw) expect(bytes.includes(secret)).toBe(false);
  });

  it('the hub, crashed as it is, holds none of it in any file', async () => {
    const files = await filesBelow(hub.home);
    const tokens = [ana, bea].map((each) => readPrivate(path.join(each.store, 'api-token')));
    const own = [...files].filter(([, bytes]) => raw.slice(1).some((secret) => bytes.includes(secret)));
    expect(own.map(([file]) => file)).toEqual([]);
    expect(await search(files, [...secrets.slice(2), ...tokens, ...NAMES, ...BODIES])).toEqual([]);
  });
});

function readProc(file: string): string {
  try {
    return readFileSync(file, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // not Linux, or the process has ended
  }
}

function readPrivate(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
