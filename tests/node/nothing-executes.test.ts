import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { INVENTORY } from '../../src/kinds/claude-home/inventory.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Stands in everything that could be executed, or make something execute; each time with a number of its own. */
const RUNS = 'RUNS-THIS';
let count = 0;
const runs = (): string => `${RUNS}-${(count += 1)}.`;

/** What rows with a form hold: every way that is known of to have a program run, and one that is not. */
const FORMS: Readonly<Record<string, () => unknown>> = {
  'settings.json': () => ({
    theme: 'dark',
    apiKeyHelper: runs(),
    awsAuthRefresh: runs(),
    awsCredentialExport: runs(),
    otelHeadersHelper: runs(),
    statusLine: { type: 'command', command: runs() },
    fileSuggestion: { type: 'command', command: runs() },
    hooks: { PreToolUse: [{ hooks: [{ type: 'command', command: runs() }] }] },
    env: { NODE_OPTIONS: runs(), EDITOR: runs() },
    permissions: { allow: [`Bash(${runs()})`], additionalDirectories: [`/${runs()}`], deny: ['Bash(curl:*)'], defaultMode: runs() },
    enabledPlugins: { [`${runs()}@market`]: true },
    extraKnownMarketplaces: { market: { source: { source: 'github', repo: runs() } } },
    enableAllProjectMcpServers: runs(),
    aSettingOfNextYear: runs(),
  }),
  '.claude.json': () => ({ numStartups: 1, mcpServers: { files: { command: runs(), args: [runs()], env: { A: runs() } } } }),
};

const names = (pattern: string): string =>
  pattern
    .split('/')
    .map((part) => (part === '**' ? 'one/two/three.md' : part.replaceAll('*', 'x')))
    .join('/');

async function put(machine: string, name: string, text: string): Promise<void> {
  const root = name === '.claude.json' ? place.home(machine) : path.join(place.home(machine), '.claude');
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), text);
}

/** Which of the marked values stand anywhere in a machine's HOME, its own store left out. */
async function found(machine: string): Promise<string[]> {
  const all = new Set<string>();
  for (const entry of await readdir(place.home(machine), { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.relative(place.home(machine), file).startsWith('.satchel')) continue;
    for (const [value] of (await readFile(file, 'utf8')).matchAll(/RUNS-THIS-\d+\./g)) all.add(value);
  }
  return [...all].toSorted();
}

it('nothing that could run stands on another machine’s disk before a yes, in no form and by no line of the inventory', async () => {
  count = 0;
  for (const row of INVENTORY) {
    if (row.class !== 'portable' || row.pattern.startsWith('projects/')) continue;
    const form = FORMS[row.pattern];
    if (form !== undefined) await put('a', row.pattern, `${JSON.stringify(form(), null, 2)}\n`);
    else if (row.form === null) await put('a', names(row.pattern), row.applies === 'consent' ? `${runs()}\n` : 'inert\n');
  }
  const all = count;
  expect(all).toBeGreaterThan(25);
  const a = await place.start('a');
  await ask(a, 'sync', {});
  expect(await found('a')).toHaveLength(all);

  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  for (let round = 0; round < 2; round += 1) {
    await ask(b, 'sync', {});
    expect(await found('b')).toEqual([]);
  }
  expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual({ theme: 'dark', permissions: { deny: ['Bash(curl:*)'] } });
  expect(await place.read('b', 'rules/one/two/three.md')).toBe('inert\n');

  // With one yes at a time never more than what it was for.
  for (const { id } of (await ask(b, 'pending', {})).pending) {
    const before = await found('b');
    const still = (await ask(b, 'pending', {})).pending.find((entry) => entry.id === id);
    if (still === undefined) continue;
    await ask(b, 'answer-pending', { answer: 'reject', ids: [id] });
    await ask(b, 'sync', {});
    expect(await found('b')).toEqual(before);
  }
  const rejected = (await ask(b, 'pending', {})).pending;
  await ask(b, 'answer-pending', { answer: 'approve', ids: rejected.map(({ id }) => id) });
  expect(await found('b')).toEqual(await found('a'));
});
