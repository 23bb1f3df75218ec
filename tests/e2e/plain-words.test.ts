import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';

/** What a person who knows only the README is told on the way, and whether doing as told helps. */
describe('in plain words', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const said = async (machine: Machine, ...args: string[]): Promise<string> => {
    const { stdout, stderr } = await machine.run(args);
    return stdout + stderr;
  };

  beforeAll(async () => {
    const servers = {
      db: { command: 'db', args: ['--url', 'postgresql://ana:s3cretPassw0rd@db.example.com/x'] },
      gh: { command: 'gh', env: { GITHUB_TOKEN: TOKEN } },
      'plain/one': { command: `${ana.home}/bin/plain` },
    };
    ana.write('../.claude.json', JSON.stringify({ mcpServers: servers }));
    ana.write('settings.json', JSON.stringify({ permissions: { allow: [`Bash(${ana.home}/bin/x:*)`] } }));
    ana.write('CLAUDE.md', 'as ana wants it\n');
    bea.write('CLAUDE.md', 'as bea wants it\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((each) => each.kill()));
    remove();
  });

  it('an invitation says first that it works on this machine only, and until when', async () => {
    const text = await said(ana, 'invite');
    expect(text).toMatch(/^This node listens on this machine only[^]*satchel up --host 0\.0\.0\.0[^]*\n {2}satchel join 'http/);
    expect(text).toMatch(/Expires in 10 min, at (?:\d+ [A-Z][a-z]+ )?\d\d:\d\d\. Keep/);
  });

  it('a machine of a name that is taken gets another one, and is told so', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    const name = (await ana.ask<{ machine: { name: string } }>(['status'])).machine.name;
    const joined = await bea.run(['join', link, '--once', '--name', name]);
    expect(joined.stdout).toContain(`Another machine is called ${name}, so this one is ${name}-2 there.`);
    expect((await bea.ask<{ machine: { name: string } }>(['status'])).machine.name).toBe(`${name}-2`);
    expect(await said(bea, 'machines')).toContain(`${name}-2 (here)`);
  });

  it('what waits is named without pointers and placeholders, with the paths of this machine', async () => {
    const text = await said(bea, 'pending', '--diff');
    expect(text).not.toMatch(/\{\{|~1|#\//);
    expect(text).toContain(`settings.json: permissions → allow: adds "Bash(${bea.home}/bin/x:*)"`);
    expect(text).toContain(`MCP server plain/one: adds {"command":"${bea.home}/bin/plain"}`);
    expect(text).toMatch(/MCP server gh, once approved, is here without env → GITHUB_TOKEN/);
    expect(text).toMatch(/MCP server db is not in place here: its 2nd argument is secret/);
    expect(text).toMatch(/-as bea wants it\n +\+as ana wants it/);
  });

  it('an approval says which values are missing and where they go, and with them there all is whole', async () => {
    const text = await said(bea, 'approve', '--all');
    const file = `${bea.home}/.claude.json`;
    expect(text).toMatch(/Approved: MCP server gh\n/);
    for (const source of [text, await said(bea, 'status')]) {
      expect(source).toContain('MCP server db is not in place here: its 2nd argument is secret');
      expect(source).toContain(`write it into ${file}, under mcpServers, with your own value:`);
      expect(source).toContain('"db": {"command":"db","args":["--url","YOUR VALUE"]}');
      expect(source).toContain('MCP server gh is here without env → GITHUB_TOKEN');
    }
    const body = JSON.parse(bea.read('../.claude.json') ?? '') as { mcpServers: Record<string, unknown> };
    body.mcpServers['db'] = { command: 'db', args: ['--url', 'postgresql://bea:0therPassw0rd@db.example.com/x'] };
    body.mcpServers['gh'] = { command: 'gh', env: { GITHUB_TOKEN: TOKEN.replace('A1', 'Z9') } };
    bea.write('../.claude.json', JSON.stringify(body));
    const before = await said(ana, 'show', '.claude.json');
    await said(bea, 'sync');
    expect(await said(bea, 'status')).not.toMatch(/MCP server/);
    expect(await said(ana, 'show', '.claude.json')).toBe(before);
    expect(JSON.parse(bea.read('../.claude.json') ?? '')).toEqual(body);
  });

  it('the log names a version that it shows, and none of what Satchel notes for itself', async () => {
    const text = await said(bea, 'log');
    const [footer = '', id = ''] = /See a version: satchel show ([0-9a-f]{8})/.exec(text) ?? [];
    expect(text.slice(0, text.indexOf(footer))).toMatch(new RegExp(`^ +${id} `, 'm'));
    expect(await said(bea, 'show', id)).not.toContain('"answer"');
  });

  it('what is counted in two places is the same number, or says what else it counts', async () => {
    const [, items] = /personal: (\d+ items?),/.exec(await said(bea, 'status')) ?? [];
    expect(await said(bea, 'store')).toMatch(
      new RegExp(`personal: \\d+ records, ${items} \\(and \\d+ that Satchel notes for itself\\), \\d+ encrypted bodies here, `),
    );
    expect(await said(bea, 'store', 'verify')).toMatch(/personal: \d+ records, \d+ encrypted bodies that must be here/);
  });

  it('a conflict names both sides, and shows one against the other', async () => {
    const text = await said(bea, 'conflicts');
    const [, id = ''] = /CLAUDE\.md\n {2}in place {2}16 B, by .*\n {2}([0-9a-f]{8}) {2}16 B, by .*-2, /.exec(text) ?? [];
    expect(text).toMatch(/^1 conflict, in 1 item:\n/);
    expect(text).toContain('; lacks 1 line\n');
    expect(text).toContain(`satchel diff CLAUDE.md --to ${id}`);
    const diff = await said(bea, 'diff', 'CLAUDE.md', '--to', id);
    expect(diff).toMatch(/--- a\/CLAUDE\.md\tin place: .*\n\+\+\+ b\/CLAUDE\.md\tkept beside it: .*-2, /);
    expect(diff).toMatch(/\n-as ana wants it\n\+as bea wants it\n/);
    const asked = await bea.run(['resolve', 'CLAUDE.md']);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain(`${id}  16 B`);
    expect(asked.stderr).toContain(`satchel resolve CLAUDE.md --take sibling --sibling ${id}`);
    const taken = await said(bea, 'resolve', 'CLAUDE.md', '--take', 'sibling');
    expect(taken).toMatch(
      /the other version is in place now[^]*gone from the file: 1 line\.\n[^]*comes back by: satchel restore [0-9a-f]{8}/,
    );
    expect(bea.read('CLAUDE.md')).toBe('as bea wants it\n');
    await bea.run(['sync']);
    await until('ana has it', () => ana.read('CLAUDE.md') === 'as bea wants it\n');
  });

  it('an item’s log has a line for each version, whose first characters bring it back', async () => {
    const text = await said(ana, 'log', 'CLAUDE.md');
    const revisions = [...text.matchAll(/^ {2}([0-9a-f]{8}) {2}.*\d\d:\d\d/gm)].map((match) => match[1] as string);
    expect(revisions.length).toBeGreaterThanOrEqual(2);
    const first = revisions.at(-1) as string;
    expect(await said(ana, 'show', first.slice(0, 4))).toBe('as ana wants it\n');
    expect(await said(ana, 'restore', first.slice(0, 5))).toMatch(
      new RegExp(
        `^CLAUDE\\.md is as it was at ${first}, on all machines\\.\\nWhat was in place before comes back by: satchel restore [0-9a-f]{8}\\n$`,
      ),
    );
    expect(ana.read('CLAUDE.md')).toBe('as ana wants it\n');
    expect(await said(ana, 'restore', 'ffff')).toMatch(/no item and no revision ffff[^]*satchel log, where revisions stand/);
  });

  it('a name that is nearly right is suggested', async () => {
    expect(await said(ana, 'show', 'claude.md')).toMatch(/no item "claude\.md"[^]*Did you mean: CLAUDE\.md\?/);
    expect(await said(ana, 'show', 'nothing.md')).toMatch(/Run: satchel log/);
  });

  it('who trusts the own machines is told so where one would look for what waits', async () => {
    expect(await said(bea, 'pending')).not.toContain('unasked');
    await bea.run(['approve', '--trust-own']);
    expect(await said(bea, 'pending')).toContain('put in place unasked. To be asked again: satchel reject --trust-own');
    await bea.run(['reject', '--trust-own']);
  });

  it('a name that another machine has is refused, with its id', async () => {
    const name = (await ana.ask<{ machine: { name: string } }>(['status'])).machine.name;
    const { code, stderr } = await ana.run(['machines', 'rename', `${name}-2`, name]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/another machine of personal is called .* already: [0-9a-f]{12}[^]*satchel machines/),
    ]);
  });
});
