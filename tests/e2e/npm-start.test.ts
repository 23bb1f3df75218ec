import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clone } from './clone.ts';
import { folderState } from './folder-state.ts';
import { makeRoot, until } from './machine.ts';
import { CTRL_C, plain } from './terminal.ts';

describe('npm start in a clone', () => {
  const { root, remove } = makeRoot();
  const first = new Clone(root, { installed: true });
  /** Built by then: to build again would take as long as all else here. */
  let second: Clone;

  beforeAll(() => {
    writeFileSync(path.join(first.home, '.claude/CLAUDE.md'), '# Be kind\n');
    writeFileSync(path.join(first.home, '.claude/unknown.bin'), 'stays here\n');
  });
  afterAll(async () => {
    await Promise.all([first.close(), second?.close()]);
    remove();
  });

  it('builds, shows what it would capture with sizes, asks once, and takes a no for a no', async () => {
    const before = folderState(first.home);
    const terminal = first.npmStart();
    await terminal.shows(/Building …/);
    await terminal.shows(/claude +1 files +10 B +\/.*\.claude\r/);
    await terminal.shows(/Go ahead\? \[Y\/n\] /);
    terminal.type('no');
    await terminal.shows(/Nothing was captured, nothing was written\./);
    expect(await terminal.end()).toBe(0);
    expect(folderState(first.home)).toEqual(before);
  });

  it('asks for the link, and says what is wrong with an answer', async () => {
    second = first.copy();
    for (const [answer, says] of [
      ['', /no link was given\s+On the other machine: npm start -- invite/],
      ['hello', /neither a join link nor the address/],
      ['http://127.0.0.1:1#satchel1.AAAA', /damaged or incomplete[^]*npm start -- invite/],
    ] as const) {
      const terminal = second.npmStart('join');
      await terminal.shows(/Paste the link from the other machine: /);
      terminal.type(answer);
      await terminal.shows(says);
      expect(await terminal.end()).not.toBe(0);
      expect(plain(terminal.shown)).not.toMatch(/ {4}at /);
    }
    expect(readdirSync(second.home)).toEqual(['.claude']);
  });

  it('runs, writes nothing into the home, and ends by saying how to add the second machine, which is one paste there', async () => {
    const before = folderState(path.join(first.home, '.claude'));
    const node = first.npmStart();
    await node.shows(/Go ahead\? \[Y\/n\] /);
    node.type('');
    await node.shows(/Captured: 1 items?, 10 B/);
    await node.shows(/To add a machine: run here `npm start -- invite`, and paste its link on the other machine/);
    await node.shows(/Ctrl-C stops it\./);
    expect(folderState(path.join(first.home, '.claude'))).toEqual(before);

    const invite = first.npmStart('invite');
    const shown = plain(await invite.shows(/npm start -- join '[^']+'/));
    await invite.shows(/installed as a command there, run: satchel join/);
    expect(await invite.end()).toBe(0);

    const join = second.npmStart('join');
    await join.shows(/Paste the link from the other machine: /);
    // With the command around it, as people copy it.
    join.type(shown);
    await join.shows(/Joined .*’s space as .* \(owner\): 1 item from/);
    await join.shows(/\[y\/N\] /);
    join.type('y');
    await join.shows(/Ctrl-C stops it\./);
    expect(readdirSync(path.join(second.home, '.claude'))).toContain('CLAUDE.md');
    await until('the second machine is in sync', async () => {
      const status = second.npmStart('status');
      return (await status.end()) === 0 && /In sync with 127\.0\.0\.1/.test(plain(status.shown));
    });
    for (const each of [join, node]) {
      each.press(CTRL_C);
      await each.shows(/Stopped\./);
      await each.end();
    }
  });

  it('goes ahead without a terminal, since capturing stays here', async () => {
    const fresh = first.copy();
    writeFileSync(path.join(fresh.home, '.claude/CLAUDE.md'), 'x');
    const child = spawn('npm', ['start'], { cwd: fresh.folder, env: fresh.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let said = '';
    let isStopped = false;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => {
        said += part;
        // The whole group, as a terminal does: npm hands signals on or not, by its version.
        if (isStopped || !said.includes('Ctrl-C stops it.')) return;
        isStopped = true;
        process.kill(-(child.pid as number), 'SIGINT');
      });
    await once(child, 'close');
    expect(said).toMatch(/claude +1 files +1 B/);
    expect(said).not.toContain('Go ahead?');
    expect(said).toContain('Stopped.');
  });
});
