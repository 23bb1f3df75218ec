import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runHere } from '../e2e/run-here.ts';
import { MnemePlace } from './mneme-place.ts';

let server: MnemePlace;
beforeAll(async () => {
  server = await MnemePlace.create();
});
afterAll(() => server.close());

const homeOf = (machine: string): string => server.place.home(machine);
const settingsOf = (machine: string): string => path.join(homeOf(machine), '.claude-mneme', 'config.json');

describe('connect --server', () => {
  let machines = 0;
  let bob = '';
  beforeEach(() => {
    bob = `bob-${(machines += 1)}`;
  });
  const connect = (url: string, input: string, ...more: string[]) =>
    runHere(['mneme', 'connect', '--server', url, ...more], homeOf(bob), input);

  it('takes the token that `serve --name` printed into a file', async () => {
    const made = await runHere(['mneme', 'serve', '--name', 'bob'], homeOf('ana'));
    expect(made.stdout).toMatch(/^mneme_\S+\n$/);
    expect(made.stderr).toContain('Token of bob, shown this once:');
    expect(made.stderr).toContain('PROJECTS');
    expect(made.stderr).not.toContain(made.stdout.trim());
    expect(await connect(server.url, made.stdout)).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(settingsOf(bob), 'utf8'))).toEqual({
      sync: { enabled: true, serverUrl: server.url, apiKey: made.stdout.trim() },
    });
  });

  it.each([
    ['a table', 'TOKEN  FOR\nabc  bob\nmneme_x\n', 'where 3 lines came'],
    ['words', 'no token', 'blanks between'],
    ['other letters', 'mneme_ä', 'letters that no token has'],
    ['nothing', ' \n', 'where nothing came'],
  ])('refuses %s for a token, asked or not', async (_, input, says) => {
    for (const more of [[], ['--offline']]) {
      const { code, stdout, stderr } = await connect(server.url, input, ...more);
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(says)]);
      expect(stderr).toContain('satchel mneme serve --name NAME > token');
    }
    expect(existsSync(homeOf(bob))).toBe(false);
  });

  it('refuses a token that the server does not know, and changes nothing', async () => {
    const { code, stderr } = await connect(server.url, 'wrong\n');
    expect([code, stderr]).toEqual([5, expect.stringContaining('knows no such token')]);
    expect(existsSync(homeOf(bob))).toBe(false);
  });

  it('takes one that opens a single project, and leaves no trace at the server', async () => {
    const { token } = await server.node.mneme.tokens.add('one project', { projects: ['app'] });
    expect(await connect(server.url, token)).toMatchObject({ code: 0 });
  });

  it('refuses where nothing answers, or something else; --offline goes ahead', async () => {
    const other = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const foreign = await connect(url, 'key');
    await new Promise((resolve) => other.close(resolve));
    expect([foreign.code, foreign.stderr]).toEqual([4, expect.stringContaining('no sync server of mneme')]);
    const gone = await connect(url, 'key');
    expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('--offline')]);
    expect(existsSync(homeOf(bob))).toBe(false);
    expect(await connect(url, 'key', '--offline')).toMatchObject({ code: 0 });
    const { code, stdout } = await runHere(['doctor'], homeOf(bob));
    expect([code, stdout]).toEqual([1, expect.stringContaining(`mneme’s settings have it sync with ${url}, and it cannot`)]);
  });
});
