import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../config/schema.ts';
import { classify } from '../classify/classify.ts';
import { DEFAULT_RULES } from '../classify/default-rules.ts';
import { matchPattern } from '../classify/match-pattern.ts';
import { CATEGORIES, INVENTORY } from './inventory.ts';
import { DEFAULT_CHOICE, isUnknown, locate, mayHoldCarried, type InventoryChoice } from './locate.ts';

const SESSION = '1b4e28ba-2fa1-11d2-883f-0016d3cca427';

/** Name, class, category, when it applies, form, kind. */
const CARRIED: readonly (readonly [string, string, string, string, string | null, string])[] = [
  ['CLAUDE.md', 'portable', 'instructions', 'at-once', null, 'text'],
  ['rules/style/python.md', 'portable', 'instructions', 'at-once', null, 'text'],
  ['agents/reviewer.md', 'portable', 'agents', 'consent', null, 'text'],
  ['commands/git/commit.md', 'portable', 'commands', 'consent', null, 'text'],
  ['skills/pdf/SKILL.md', 'portable', 'skills', 'consent', null, 'folder'],
  ['skills/pdf/scripts/fill.py', 'portable', 'skills', 'consent', null, 'folder'],
  ['output-styles/terse.md', 'portable', 'output-styles', 'consent', null, 'text'],
  ['workflows/release.md', 'portable', 'workflows', 'consent', null, 'text'],
  ['themes/dark.json', 'portable', 'themes', 'at-once', null, 'json'],
  ['hooks/guard.sh', 'portable', 'hooks', 'consent', null, 'text'],
  ['keybindings.json', 'portable', 'keybindings', 'at-once', null, 'json'],
  ['settings.json', 'portable', 'settings', 'at-once', 'settings', 'json'],
  ['.claude.json', 'portable', 'mcp', 'at-once', 'claude-json', 'json'],
  ['plugins/installed_plugins.json', 'portable', 'plugins', 'at-once', 'installed-plugins', 'json'],
  ['plugins/known_marketplaces.json', 'portable', 'plugins', 'at-once', 'known-marketplaces', 'json'],
  ['plugins/cache/market/tool/1.0.0/.claude-plugin/plugin.json', 'portable', 'plugins', 'consent', null, 'json'],
  ['plugins/marketplaces/market/README.md', 'portable', 'plugins', 'consent', null, 'text'],
  [`projects/-home-ada-app/${SESSION}.jsonl`, 'session', 'sessions', 'at-once', null, 'transcript'],
  [`projects/-home-ada-app/${SESSION}/subagents/agent-1.jsonl`, 'session', 'sessions', 'at-once', null, 'transcript'],
  [`projects/-home-ada-app/${SESSION}/tool-results/1.txt`, 'session', 'sessions', 'at-once', null, 'session-file'],
  ['projects/-home-ada-app/memory/MEMORY.md', 'portable', 'memory', 'at-once', null, 'text'],
  ['agent-memory/reviewer/MEMORY.md', 'portable', 'memory', 'at-once', null, 'text'],
  ['history.jsonl', 'portable', 'history', 'at-once', 'history', 'history'],
  [`tasks/${SESSION}/1.json`, 'session', 'sessions', 'at-once', null, 'session-file'],
  [`todos/${SESSION}-agent-${SESSION}.json`, 'session', 'sessions', 'at-once', null, 'session-file'],
  [`file-history/${SESSION}/0123abcd@v1`, 'session', 'sessions', 'at-once', null, 'session-file'],
  ['plans/next.md', 'portable', 'plans', 'at-once', null, 'text'],
];

const NEVER = [
  'settings.local.json',
  '.credentials.json',
  '.claude.json.backup',
  '.claude.json.backup.1763700000000',
  'projects/-home-ada-app/sessions-index.json',
  'projects/-home-ada-app/.session-aliases',
  'teams/x/config.json',
  'jobs/1/state.json',
  'daemon.log',
  'daemon/state.json',
  'sessions/4711.json',
  'ide/38291.lock',
  `session-env/${SESSION}/env`,
  'shell-snapshots/snapshot-bash-1.sh',
  'debug/latest',
  'cache/changelog.md',
  'paste-cache/0.txt',
  'image-cache/0.png',
  'telemetry/1p_failed_events.json',
  'statsig/statsig.cached.evaluations',
  'traces/1.json',
  'stats-cache.json',
  '.last-cleanup',
  '.config.json',
  'hfi-auth.json',
  'usage-data/report.html',
  'startup-perf/1.json',
  'mcp-discovery-cache/x.json',
  'gh-pr-status-cache.json',
  'model-capabilities.json',
  'gateway-models.json',
  'plugins/install-counts-cache.json',
  'plugins/.last_inuse_sweep',
  'local/claude',
  'chrome/profile',
  'remote-settings.json',
  'mcp-needs-auth-cache.json',
  'backups/.claude.json.backup.1',
  'history.jsonl.lock',
  '.update.lock',
  'plugins/cache/market/tool.lock',
  'skills/pdf/.git/config',
  'plugins/marketplaces/market/.git/hooks/post-checkout',
  'agents/.DS_Store',
  'skills/pdf/Thumbs.db',
  'desktop.ini',
  '.claude.json.corrupted.1763700000000',
  'ide/state.json',
];

const UNKNOWN = [
  'notes.txt',
  'new-feature/state.json',
  'projects/-home-ada-app/strange.bin',
  'plugins/blocklist.json',
  'my/cache/x',
  'CLAUDE.local.md',
];

describe('the inventory', () => {
  it.each(CARRIED)('carries %s', (name, group, category, applies, form, kind) => {
    expect(locate(name)).toMatchObject({ type: 'carried', row: { class: group, category, applies, form } });
    expect(classify(name, DEFAULT_RULES)).toBe(kind);
  });

  it.each(NEVER)('never carries %s', (name) => expect(locate(name).type).toBe('local'));
  it.each(UNKNOWN)('does not know %s', (name) => expect(locate(name)).toEqual({ type: 'unknown' }));
  it.each([
    ['new-feature', true],
    ['plugins/data', true],
    ['plugins', false],
    ['projects/-home-ada-app', false],
    ['cache', false],
    ['skills', false],
  ])('knows nothing of the folder %s: %s', (folder, unknown) => {
    const off: InventoryChoice = { ...DEFAULT_CHOICE, categories: { plugins: false } };
    expect([isUnknown(folder, true), isUnknown(folder, true, off)]).toEqual([unknown, unknown]);
  });

  it('finds the first line that matches, wherever its pattern begins', () => {
    const part = fc.constantFrom(
      ...INVENTORY.flatMap(({ pattern }) => pattern.split('/')),
      '.git',
      'Projects',
      'a',
      'daemon-x',
      '.claude.json.b',
    );
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(name, (each) => {
        const first = INVENTORY.find(({ pattern }) => matchPattern(pattern, each));
        const expected =
          first === undefined ? { type: 'unknown' } : first.class === 'never' ? { type: 'local', why: first.why } : { row: first };
        expect(locate(each)).toMatchObject(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has no line that no example of the table needs', () => {
    const names = [...CARRIED.map(([name]) => name), ...NEVER];
    // Another name of the same line would do as well; a line without any is untested.
    const untested = INVENTORY.filter((row) => {
      const without = INVENTORY.filter((other) => other !== row);
      return names.every((name) => sameFate(name, without));
    }).map(({ pattern }) => pattern);
    expect(untested).toEqual([]);
  });

  it('has the categories that config.json names', () => {
    const all = Object.fromEntries(CATEGORIES.map((id) => [id, false]));
    expect(configSchema.parse({ claude: { categories: all } }).claude.categories).toEqual(all);
    expect(configSchema.safeParse({ claude: { categories: { sesions: false } } }).success).toBe(false);
  });
});

describe('what the user decides', () => {
  const choose = (choice: Partial<InventoryChoice>): InventoryChoice => ({ ...DEFAULT_CHOICE, ...choice });

  it.each<[string, Partial<InventoryChoice>, string]>([
    ['plans/next.md', { categories: { plans: false } }, 'local'],
    ['plans/next.md', { categories: { plans: true } }, 'carried'],
    ['plans/next.md', { exclude: ['plans/**'] }, 'local'],
    ['notes.txt', { include: ['*.txt'] }, 'carried'],
    ['notes.txt', { include: ['*.txt'], exclude: ['notes*'] }, 'local'],
    ['settings.local.json', { include: ['settings.local.json'] }, 'carried'],
    ['cache/changelog.md', { include: ['cache/**'] }, 'carried'],
    ['.credentials.json', { include: ['**'] }, 'local'],
    ['ide/38291.lock', { include: ['**'] }, 'local'],
    ['skills/pdf/.git/config', { include: ['**'] }, 'local'],
  ])('%s with %j is %s', (name, choice, type) => expect(locate(name, choose(choice)).type).toBe(type));

  it('what is included by hand could be executed, for all that is known', () => {
    expect(locate('bin/tool', choose({ include: ['bin/**'] }))).toMatchObject({ row: { applies: 'consent' } });
  });

  it.each<[string, Partial<InventoryChoice>, boolean]>([
    ['plans', {}, true],
    ['projects', {}, true],
    ['projects/-home-ada-app', {}, true],
    ['projects/-home-ada-app/memory/deep', {}, true],
    ['plugins/cache', {}, true],
    ['cache', {}, false],
    ['debug', {}, false],
    ['unknown', {}, false],
    ['skills/pdf/.git', {}, false],
    ['unknown', { include: ['unknown/x.md'] }, true],
    ['cache', { include: ['cache/changelog.md'] }, true],
    ['ide', { include: ['**'] }, false],
    ['plans', { exclude: ['plans/**'] }, false],
    ['plans', { exclude: ['plans/private/**'] }, true],
    ['plans', { categories: { plans: false } }, false],
    ['plugins', { categories: { plugins: false } }, false],
  ])('enters %s with %j: %s', (folder, choice, enters) => expect(mayHoldCarried(folder, choose(choice))).toBe(enters));
});

/** Whether a name is located by the given lines as by all of them. */
function sameFate(name: string, lines: typeof INVENTORY): boolean {
  const describeFate = (located: ReturnType<typeof locate>): string => {
    if (located.type !== 'carried') return JSON.stringify(located);
    const { pattern: _pattern, ...row } = located.row;
    return JSON.stringify(row);
  };
  return describeFate(locate(name)) === describeFate(locate(name, DEFAULT_CHOICE, lines));
}
