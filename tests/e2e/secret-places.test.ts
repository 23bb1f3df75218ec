import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { filesBelow, search } from '../hostile/plaintext-search.ts';
import { Machine, makeRoot, until } from './machine.ts';

const KEY = 'sk-ant-api03-Zx9kQ2mW7rT4yU1iO8pA5sD6fG3hJ0kL';
/** Nothing in them looks like a secret. */
const BEAS = ['tulips in may', 'daisies in june', 'violets in july'];

/** What stands in a secret's place stays on its machine, whatever it looks like: with real processes and files. */
describe('a value that a person writes where one is missing', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [hub, ana, bea] = [machine('hub'), machine('ana'), machine('bea')];

  const claudeJson = (on: Machine): string => path.join(on.home, '.claude.json');
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const settings = (on: Machine) => JSON.parse(on.read('settings.json') ?? '{}') as Record<string, unknown>;
  const server = (...args: unknown[]): object => ({ mcpServers: { db: { command: 'db', args } } });
  /** What the space holds of an item, decrypted. */
  const inSpace = async (name: string): Promise<string> => (await ana.runAsking(['show', '--raw', name])).stdout;
  const sync = async (): Promise<void> => {
    for (const each of [bea, ana, bea, ana]) expect([0, 3]).toContain((await each.runAsking(['sync'])).code); // 3: something waits for an answer
  };
  /** What a write holds was captured once this word of it is in the space. */
  const carried = async (name: string, word: string): Promise<void> => {
    await sync();
    await until(`${word} is in the space`, async () => (await inSpace(name)).includes(word));
  };

  beforeAll(async () => {
    await hub.start(['up', '--hub', '--port', '0']);
    ana.write('settings.json', json({ env: { GREETING: KEY }, model: 'opus' }));
    writeFileSync(claudeJson(ana), json(server('--verbose', KEY, '--port')));
    writeFileSync(claudeJson(bea), json({ numStartups: 1 }));
    await ana.start(['join', (await hub.ask<{ link: string }>(['invite'])).link, '--name', 'ana']);
    await until('ana is in sync', async () => (await ana.runAsking(['status'])).stdout.startsWith('In sync'));
    await bea.start(['join', (await ana.ask<{ link: string }>(['invite'])).link, '--name', 'bea']);
    await until('bea has the model', () => settings(bea)['model'] === 'opus');
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((each) => each.kill()));
    remove();
  });

  it('is asked for by status, and stays where it was written', async () => {
    const { stdout } = await bea.runAsking(['status']);
    expect(stdout).toContain('env → GREETING');
    expect(stdout).toContain('MCP server db');
    bea.write('settings.json', json({ env: { GREETING: BEAS[0] }, model: 'haiku' }));
    await carried('settings.json', 'haiku');
    writeFileSync(claudeJson(bea), json({ numStartups: 2, ...server('--quiet', '--verbose', BEAS[1], '--port') }));
    await carried('.claude.json', '--quiet');
    bea.write('settings.json', json({ env: { GREETING: BEAS[2] }, model: 'sonnet' }));
    await carried('settings.json', 'sonnet');
    expect(settings(ana)).toEqual({ env: { GREETING: KEY }, model: 'sonnet' });
    expect(settings(bea)).toEqual({ env: { GREETING: BEAS[2] }, model: 'sonnet' });
    expect(readFileSync(claudeJson(ana), 'utf8')).toContain(KEY);
    expect(readFileSync(claudeJson(bea), 'utf8')).toContain(BEAS[1]);
    for (const name of ['settings.json', '.claude.json']) {
      const held = await inSpace(name);
      expect(held).toContain('{{satchel:secret');
      for (const secret of [KEY, ...BEAS]) expect(held).not.toContain(secret);
    }
  });

  it('stands nowhere on the hub, and nowhere on another machine', async () => {
    expect(await search(await filesBelow(hub.home), [KEY, ...BEAS])).toEqual([]);
    expect(await search(await filesBelow(ana.home), BEAS)).toEqual([]);
    expect(await search(await filesBelow(path.join(bea.home)), [KEY])).toEqual([]);
  });

  it('travels once a person said that the place holds no secret', async () => {
    await ana.stop();
    writeFileSync(path.join(ana.store, 'config.json'), json({ claude: { notSecret: ['settings.json#/env/GREETING'] } }), { mode: 0o600 });
    ana.write('settings.json', json({ env: { GREETING: 'good morning' }, model: 'sonnet' }));
    await ana.start();
    await carried('settings.json', 'good morning');
    // Bea's own stays in force and at home until she was asked.
    expect(settings(bea)['env']).toEqual({ GREETING: BEAS[2] });
    await bea.runAsking(['approve', '--all']);
    await until('bea has it', () => (settings(bea)['env'] as { GREETING?: string }).GREETING === 'good morning');
    bea.write('settings.json', json({ ...settings(bea), env: { GREETING: 'good evening' } }));
    await carried('settings.json', 'good evening');
    expect(await search(await filesBelow(ana.home), BEAS)).toEqual([]);
  });
});
