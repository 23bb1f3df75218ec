import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';
import { runHere } from './run-here.ts';

/** Moves the cursor, colours, begins a line of its own, and turns around what is read. */
const EVIL = 'x\u001b[2J\u001b[31m\nFORGED \u009b31m\u202e.md';
/** Of those that are carried, too. */
const TURNED = 'turned \u202edm.sj';
/** What no output may hold but line ends, and what only a name that got through raw can begin a line with. */
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|^FORGED/m;

/** Names come from other machines, and from whatever a program leaves in a folder. */
describe('names made to act on a terminal', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];

  beforeAll(async () => {
    for (const folder of ['', 'rules/', 'skills/', 'plans/', 'unheard-of/', 'agents/']) ana.write(`${folder}${EVIL}`, `of ${folder}\n`);
    ana.write(`skills/folder ${EVIL}/SKILL.md`, 'Run.\n');
    for (const folder of ['', 'rules/', 'plans/', 'unheard-of/', `skills/${TURNED}/`]) ana.write(`${folder}${TURNED}`, `of ${folder}\n`);
    ana.write('rules/same.md', 'ana\n');
    bea.write('rules/same.md', 'bea\n');
    const session = {
      type: 'user',
      sessionId: '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
      cwd: path.join(ana.home, EVIL),
      timestamp: '2026-11-21T10:00:00Z',
      message: { role: 'user', content: `say ${EVIL}` },
    };
    const project = path.join(ana.claude, 'projects', `-home-${EVIL.replaceAll(/[^a-z]/gi, '-')}`);
    mkdirSync(project, { recursive: true });
    mkdirSync(path.join(ana.home, EVIL), { recursive: true });
    writeFileSync(path.join(project, `${session.sessionId}.jsonl`), `${JSON.stringify(session)}\n`);
    writeFileSync(
      path.join(ana.claude, 'settings.json'),
      JSON.stringify({ hooks: { [EVIL]: [{ hooks: [{ type: 'command', command: EVIL }] }] }, [EVIL]: 1, env: { [EVIL]: 'x' } }),
    );
    writeFileSync(
      path.join(ana.home, '.claude.json'),
      JSON.stringify({ mcpServers: { [EVIL]: { command: 'x', env: { API_TOKEN: 'ghp_012345678901234567890123456789012345' } } } }),
    );
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    expect((await bea.run(['join', link, '--name', 'bea', '--once'])).code).toBe(3); // what would change files of hers waits for an answer
    bea.write(`rules/${TURNED}`, 'bea has it otherwise\n');
    ana.write(`rules/${TURNED}`, 'and so has ana\n');
    await bea.run(['sync']);
    await until('all is captured', async () => (await ana.run(['sync'])).code !== 4);
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  const commands: readonly (readonly string[])[] = [
    ['status'],
    ['sync'],
    ['log'],
    ['log', '--all'],
    ['log', `rules/${EVIL}`],
    ['log', 'rules/'],
    ['show', `rules/${EVIL}`],
    ['diff', `rules/${EVIL}`],
    ['restore', `rules/${EVIL}`],
    ['log', `rules/${TURNED}`],
    ['show', `rules/${TURNED}`],
    ['diff', `rules/${TURNED}`],
    ['conflicts'],
    ['resolve', `rules/${TURNED}`],
    ['resolve', `rules/${EVIL}`],
    ['resolve', EVIL],
    ['pending'],
    ['pending', '--diff'],
    ['pending', EVIL],
    ['approve', EVIL],
    ['approve', '--all'],
    ['sessions'],
    ['sessions', 'say'],
    ['sessions', 'restore', '1b4e28ba'],
    ['projects'],
    ['projects', 'map', EVIL, EVIL],
    ['search', 'say'],
    ['search', 'of'],
    ['search'],
    ['machines'],
    ['machines', 'revoke', EVIL],
    ['machines', 'rename', 'bea', EVIL],
    ['keys'],
    ['spaces'],
    ['spaces', 'move', EVIL, EVIL],
    ['remotes'],
    ['remotes', 'add', path.join(root, EVIL)],
    ['remotes'],
    ['remotes', 'remove', path.join(root, EVIL)],
    ['audit'],
    ['store'],
    ['store', 'verify', '--full'],
    ['forget', EVIL],
    ['forget', `rules/${EVIL}`, '--yes'],
    ['forget', `rules/${TURNED}`],
    ['restore', `rules/${TURNED}`],
    ['forget', `rules/${TURNED}`, '--yes'],
    ['forget'],
    ['doctor', '--all'],
    ['claude-mem', 'projects'],
    ['mneme', 'status'],
    ['leases'],
    [EVIL],
    ['show', EVIL],
  ];
  it.each(
    commands.map((args) => [args.map((word) => word.replaceAll(EVIL, 'EVIL').replaceAll(TURNED, 'TURNED')).join(' '), args] as const),
  )('are shown and not obeyed by %s', async (_, args) => {
    for (const machine of [ana, bea]) {
      const { stdout, stderr } = await runHere(args, machine.home);
      expect([machine.name, stdout + stderr]).toEqual([machine.name, expect.not.stringMatching(RAW)]);
    }
  });
});
