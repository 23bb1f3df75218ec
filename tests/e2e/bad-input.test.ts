import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createSystemRandom } from '../../src/node/system.ts';
import { secretToWords } from '../../src/core/joining/words.ts';
import { generatedUses, MEANING, type BadUse } from './bad-uses.ts';
import { atRest, folderState } from './folder-state.ts';
import { Machine, makeRoot } from './machine.ts';
import { putBadDatabase } from './put-bad-database.ts';
import { allLeaves, flagOf, runHere } from './run-here.ts';

const leaves = await allLeaves();
/** They begin a machine, so they have something to do where none is. */
const BEGIN = new Set(['up', 'join', 'service install', 'keys recover', 'store restore']);

describe('bad input on the command line', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'));
  const nobody = new Machine(root, 'nobody', inject('program'));
  const outside = path.join(root, 'outside');
  const places: Record<string, string> = { outside, claude: ana.claude, key: path.join(root, 'key'), huge: path.join(root, 'huge') };

  beforeAll(async () => {
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'secret.md'), 'not yours\n');
    writeFileSync(places['huge'] as string, '');
    truncateSync(places['huge'] as string, 64 * 1024 * 1024);
    const words = secretToWords(createSystemRandom().bytes(32));
    places['recovery words'] = words;
    writeFileSync(places['key'] as string, words);
    ana.write('CLAUDE.md', 'one\n');
    ana.write('rules/once.md', 'once\n');
    symlinkSync(outside, path.join(ana.claude, 'rules/escape'));
    await ana.start();
    await ana.run(['machines', 'rename', (await ana.ask<{ machine: { id: string } }>(['status'])).machine.id, 'ana']);
    const { link } = await ana.ask<{ link: string }>(['invite']);
    places['link'] = link;
    places['shortened link'] = link.slice(0, -10);
    await atRest(ana.store);
  });
  afterAll(async () => {
    await ana.kill();
    remove();
  });

  const fill = (text: string): string => text.replaceAll(/\{([a-z ]+)\}/g, (all, name: string) => places[name] ?? all);

  /** Runs it for people and for scripts; both say the same, and nothing else changed. */
  async function refused(use: BadUse, { home }: Machine): Promise<void> {
    const takeAway = use.database === undefined ? () => undefined : putBadDatabase(home, use.database);
    try {
      await refusedThere(use, home);
    } finally {
      takeAway();
    }
  }

  async function refusedThere({ args, says, exit = 2, input = '' }: BadUse, home: string): Promise<void> {
    const line = args.map(fill);
    const shown = args.map((word) => word.slice(0, 80)).join(' ');
    const before = [...folderState(home), ...folderState(outside)];
    const { code, stdout, stderr } = await runHere(line, home, fill(input));
    expect.soft(stderr, shown).toMatch(/^satchel: /);
    expect.soft(stderr, shown).toMatch(says);
    expect.soft({ shown, code, stdout }).toEqual({ shown, code: exit, stdout: '' });
    expect.soft(stderr, shown).not.toMatch(/this is a bug|\n {4}at /);
    const json = await runHere([...line, '--json'], home, fill(input));
    expect.soft({ shown, code: json.code, stderr: json.stderr }).toEqual({ shown, code: exit, stderr: '' });
    const { error } = JSON.parse(json.stdout || '{"error":{}}') as {
      error: { type: string; message: string; next: string | null; exit: number };
    };
    expect.soft(error.exit).toBe(exit);
    if (error.type !== 'config') expect.soft(error.next, `${shown}: what to do`).toEqual(expect.stringMatching(/[a-z]/));
    expect.soft(error.next, `${shown}: doctor knows nothing of what was typed`).not.toBe('Run: satchel doctor');
    expect.soft([...folderState(home), ...folderState(outside)], shown).toEqual(before);
  }

  describe.each(leaves.map((leaf) => [leaf.call, leaf] as const))('satchel %s', (call, leaf) => {
    const meaning = Object.values(MEANING[call] ?? {}).flat();

    it('is covered by this table', () => {
      const named = Object.keys(leaf.spec.arguments ?? {});
      const texts = Object.entries(leaf.spec.options ?? {}).filter(([, option]) => option.type === 'text' || option.type === 'list');
      for (const wanted of [...named, ...texts.map(([key]) => flagOf(key))])
        expect(MEANING[call]?.[wanted]?.length ?? 0, `tests/e2e/bad-uses.ts: MEANING['${call}']['${wanted}']`).toBeGreaterThan(0);
    });

    it('refuses what is no such command line', async () => {
      for (const use of generatedUses(leaf)) await refused(use, ana);
    });

    it('refuses it where there is nothing yet, and makes nothing', async () => {
      for (const use of generatedUses(leaf)) await refused(use, nobody);
    });

    it('refuses what means nothing here', async () => {
      for (const use of meaning) await refused(use, use.fresh === true ? nobody : ana);
    });
  });

  it.each(leaves.filter(({ call }) => BEGIN.has(call)).map(({ call }) => call))('refuses %s before anything begins', async (call) => {
    const uses = Object.values(MEANING[call] ?? {}).flat();
    for (const use of uses) if (use.running !== true && use.exit === undefined) await refused(use, nobody);
  });

  it.each(leaves.filter(({ call }) => !BEGIN.has(call)).map((leaf) => [leaf.call, leaf] as const))(
    'makes nothing by %s on a machine that never ran Satchel',
    async (_, leaf) => {
      for (const example of leaf.spec.examples) {
        const { code, stderr } = await runHere(wordsOf(example), nobody.home);
        expect([0, 1, 2, 4, 5], `${example}: ${stderr}`).toContain(code);
        expect({ example, made: folderState(nobody.store) }).toEqual({ example, made: [] });
      }
    },
  );

  it.each([
    [['frobnicate'], /unknown command 'frobnicate'[^]*satchel --help/],
    [['stats'], /unknown command 'stats'[^]*satchel status/],
    [['machines', 'lst'], /unknown verb 'lst'[^]*machines list/],
    [['service'], /needs a verb/],
    [[], /a command is missing/],
    [['--frobnicate'], /--frobnicate/],
    [['__proto__'], /unknown command/],
    [['remotes', 'constructor'], /unknown verb/],
    [['help', 'frobnicate'], /unknown command/],
    [[''], /unknown command/],
  ])('refuses %j', async (args, says) => {
    await refused({ args, says }, nobody);
  });
});

/** `satchel machines rename pi "work laptop" > file` → its words, as a shell has them. */
function wordsOf(example: string): string[] {
  const line = example.replace(/^satchel /, '').replace(/ >.*/, '');
  return line.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ''));
}
