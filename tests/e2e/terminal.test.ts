import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';
import { CTRL_C, plain, Terminal } from './terminal.ts';

const ESCAPE = '\u001b[';

describe('a terminal', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'));
  const terminals: Terminal[] = [];
  const open = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Terminal => {
    const terminal = new Terminal([process.execPath, ana.program, ...args], {
      env: { PATH: process.env['PATH'], HOME: ana.home, SATCHEL_PORT: '0', ...env },
    });
    terminals.push(terminal);
    return terminal;
  };

  beforeAll(async () => {
    for (let i = 0; i < 400; i++) ana.write(`rules/${i}.md`, `rule ${i}\n`.repeat(50));
  });
  afterAll(async () => {
    await Promise.all(terminals.map((terminal) => terminal.close()));
    await ana.kill();
    remove();
  });

  it('is asked once, is told the sizes, and may say no', async () => {
    const terminal = open(['up']);
    await terminal.shows(/claude +400 files +\d+ KB/);
    await terminal.shows(/Go ahead\? \[Y\/n\] /);
    terminal.type('n');
    await terminal.shows(/Nothing was captured, nothing was written\./);
    expect(await terminal.end()).toBe(0);
  });

  it('runs the node until Ctrl-C, which ends it in peace', async () => {
    const terminal = open(['up']);
    await terminal.shows(/Go ahead\? \[Y\/n\] /);
    terminal.type('');
    await terminal.shows(/Captured: 400 items/);
    await terminal.shows(/Ctrl-C stops it\./);
    terminal.press(CTRL_C);
    await terminal.shows(/Stopped\./);
    expect(await terminal.end()).toBe(0);
    expect(plain(terminal.shown)).not.toMatch(/ {4}at |Error/);
  });

  it('is not asked a second time', async () => {
    const terminal = open(['up']);
    await terminal.shows(/Ctrl-C stops it\./);
    expect(terminal.shown).not.toContain('Go ahead');
    terminal.press(CTRL_C);
    expect(await terminal.end()).toBe(0);
  });

  it('has colours, and no pipe has them, nor a terminal under NO_COLOR or that is dumb', async () => {
    const colored = open(['machines']);
    await colored.end();
    expect(colored.shown).toContain(ESCAPE);
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const gray = open(['machines'], env);
      await gray.end();
      expect(gray.shown).toContain('NAME');
      expect(gray.shown).not.toContain(ESCAPE);
    }
    expect((await ana.run(['machines'])).stdout).not.toContain(ESCAPE);
    expect((await ana.run(['frobnicate'])).stderr).not.toContain(ESCAPE);
    const json = open(['machines', '--json']);
    await json.end();
    expect(() => JSON.parse(json.shown) as unknown).not.toThrow();
  });

  it('may be closed by its reader, as by `satchel log | head -1`', async () => {
    const env = { PATH: process.env['PATH'], HOME: ana.home };
    for (const args of [['log', '--limit', '1000'], ['log', '--limit', '1000', '--json'], ['--help']]) {
      const line = `"$0" "$@" | head -c 1 >/dev/null; exit "\${PIPESTATUS[0]}"`;
      const child = spawn('bash', ['-c', line, process.execPath, ana.program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      child.stderr.on('data', (part: Buffer) => (said += part.toString()));
      const [code] = (await once(child, 'close')) as [number];
      expect({ args, code, said }).toEqual({ args, code: 0, said: '' });
    }
  });

  it('interrupts a question, and what waits, without a trace', async () => {
    const asked = open(['join']);
    await asked.shows(/Paste the link/);
    asked.press(CTRL_C);
    expect([130, 1, 2]).toContain(await asked.end());
    expect(plain(asked.shown)).not.toMatch(/ {4}at |Error/);
  });

  it('has a bar while something takes long', async () => {
    const backup = path.join(root, 'big');
    mkdirSync(path.join(ana.claude, 'plans'));
    // Incompressible, so that there is something to write.
    const { randomBytes } = await import('node:crypto');
    for (let i = 0; i < 4; i++) writeFileSync(path.join(ana.claude, `plans/${i}.md`), randomBytes(9_000_000).toString('base64'));
    expect((await ana.run(['sync'])).code).toBe(0);
    const terminal = open(['store', 'backup', backup]);
    expect(await terminal.end()).toBe(0);
    expect(terminal.shown).toMatch(/bytes +\[#+-*\] +\d+%/);
    // It is taken away again.
    expect(terminal.shown).toMatch(/\r\u001b\[K[^\r]*big: \d+ MB/);
    expect((await ana.run(['store', 'backup', `${backup}-2`])).stderr).toBe('');
  });
});
