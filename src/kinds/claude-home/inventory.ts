/** What a person switches on and off as one thing. */
export const CATEGORIES = [
  'instructions',
  'skills',
  'agents',
  'commands',
  'output-styles',
  'workflows',
  'hooks',
  'settings',
  'mcp',
  'plugins',
  'sessions',
  'history',
  'memory',
  'plans',
  'themes',
  'keybindings',
] as const;
export type Category = (typeof CATEGORIES)[number];

/** Items whose bytes on a machine differ from those in the space: by what rules (`forms.ts`). */
export type FormId = 'settings' | 'claude-json' | 'installed-plugins' | 'known-marketplaces' | 'history';

/** One line of the table of the Claude home. */
export type InventoryRow =
  | {
      /** Anchored at the Claude home's root (`matchPattern`). */
      readonly pattern: string;
      /** `session`: tied to one session, travels with it. */
      readonly class: 'portable' | 'session';
      /** `null`: included by the user. */
      readonly category: Category | null;
      /** `consent`: could be executed, or make something execute; what comes from another machine needs an answer first. */
      readonly applies: 'at-once' | 'consent';
      readonly form: FormId | null;
    }
  | {
      readonly pattern: string;
      readonly class: 'never';
      readonly why: string;
      /** False where even the user's own configuration does not carry it. */
      readonly overridable: boolean;
    };

export type CarriedRow = Exclude<InventoryRow, { readonly class: 'never' }>;

const inert = (category: Category, ...patterns: string[]): InventoryRow[] =>
  patterns.map((pattern) => ({ pattern, class: 'portable', category, applies: 'at-once', form: null }));
const executable = (category: Category, ...patterns: string[]): InventoryRow[] =>
  patterns.map((pattern) => ({ pattern, class: 'portable', category, applies: 'consent', form: null }));
const session = (...patterns: string[]): InventoryRow[] =>
  patterns.map((pattern) => ({ pattern, class: 'session', category: 'sessions', applies: 'at-once', form: null }));
/** What a form holds is admitted part by part (`admit.ts`), so the file itself needs no answer. */
const formed = (category: Category, pattern: string, form: FormId): InventoryRow => ({
  pattern,
  class: 'portable',
  category,
  applies: 'at-once',
  form,
});
const never = (why: string, overridable: boolean, ...patterns: string[]): InventoryRow[] =>
  patterns.map((pattern) => ({ pattern, class: 'never', why, overridable }));

const SECRET = 'holds credentials';
const LIVE = 'is the state of a process of this machine';
const DERIVED = 'is made anew where it is needed';
const MACHINE = 'belongs to this machine alone';

/**
 * The Claude home, line by line; the first that matches decides (`x/**` is `x` and all below). Anchored, so that `cache/` at the root is another
 * folder than `plugins/cache/`. What no line names is unknown: it stays local, and `status` lists it.
 * Facts measured on Claude Code 2.1.2, 2.1.139 and 2.1.329.
 */
export const INVENTORY: readonly InventoryRow[] = [
  ...never(SECRET, false, '.credentials.json', '.claude.json.*', '.config.json', 'hfi-auth.json'),
  ...never(LIVE, false, '**/*.lock/**'),
  ...never('is a repository’s own folder', false, '**/.git/**'),
  ...never('is left behind by the system', false, '**/.DS_Store', '**/Thumbs.db', '**/desktop.ini'),

  ...inert('instructions', 'CLAUDE.md', 'rules/**'),
  ...executable('skills', 'skills/**'),
  ...executable('agents', 'agents/**'),
  ...executable('commands', 'commands/**'),
  ...executable('output-styles', 'output-styles/**'),
  ...executable('workflows', 'workflows/**'),
  ...executable('hooks', 'hooks/**'),
  ...inert('themes', 'themes/**'),
  ...inert('keybindings', 'keybindings.json'),
  ...inert('plans', 'plans/**'),
  ...inert('memory', 'agent-memory/**', 'projects/*/memory/**'),

  formed('settings', 'settings.json', 'settings'),
  ...never(MACHINE, true, 'settings.local.json'),
  formed('mcp', '.claude.json', 'claude-json'),

  formed('plugins', 'plugins/installed_plugins.json', 'installed-plugins'),
  formed('plugins', 'plugins/known_marketplaces.json', 'known-marketplaces'),
  ...executable('plugins', 'plugins/cache/**', 'plugins/marketplaces/**'),

  ...never('holds absolute paths', true, 'projects/*/sessions-index.json', 'projects/*/.session-aliases'),
  ...session('projects/*/*.jsonl', 'projects/*/*/subagents/**', 'projects/*/*/tool-results/**'),
  ...session('tasks/*/**', 'todos/**', 'file-history/*/**'),
  formed('history', 'history.jsonl', 'history'),

  ...never(LIVE, false, 'teams/**', 'jobs/**', 'daemon*/**', 'sessions/**', 'ide/**'),
  ...never(DERIVED, true, 'session-env/**', 'shell-snapshots/**', 'debug/**', 'cache/**', 'paste-cache/**', 'image-cache/**'),
  ...never(DERIVED, true, 'telemetry/**', 'statsig/**', 'traces/**', 'stats-cache.json', 'usage-data/**', 'startup-perf/**'),
  ...never(DERIVED, true, 'mcp-discovery-cache/**', 'gh-pr-status-cache.json', 'model-capabilities.json', 'gateway-models.json'),
  ...never(DERIVED, true, 'plugins/install-counts-cache.json', 'plugins/.last_inuse_sweep'),
  ...never(MACHINE, false, '.last-cleanup', 'mcp-needs-auth-cache.json', 'local/**', 'chrome/**', 'remote-settings.json'),
  ...never('holds copies of what may be secret', false, 'backups/**'),
];
