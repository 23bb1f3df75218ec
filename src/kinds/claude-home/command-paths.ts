import type { MachinePaths } from './path-tokens.ts';

/** A command that Claude Code would run, and where it is written. */
export interface ConfiguredCommand {
  /** `settings.json: hooks → PreToolUse`. */
  readonly where: string;
  readonly command: string;
}

/** All that settings would have run: hooks, the status line, helpers. Anything of another shape is left out. */
export function settingsCommands(settings: unknown): ConfiguredCommand[] {
  const found: ConfiguredCommand[] = [];
  const add = (where: string, command: unknown): void => {
    if (typeof command === 'string' && command !== '') found.push({ where, command });
  };
  for (const [event, groups] of Object.entries(objectOf(objectOf(settings)['hooks']))) {
    for (const group of listOf(groups)) {
      for (const hook of listOf(objectOf(group)['hooks'])) add(`hooks → ${event}`, objectOf(hook)['command']);
    }
  }
  for (const [key, value] of Object.entries(objectOf(settings))) {
    if (key !== 'hooks') add(key, /(?:Helper|Refresh|Export|Suggestion)$/.test(key) ? (objectOf(value)['command'] ?? value) : null);
  }
  add('statusLine', objectOf(objectOf(settings)['statusLine'])['command']);
  return found;
}

/** What MCP servers would have run. */
export function serverCommands(claudeJson: unknown): ConfiguredCommand[] {
  return Object.entries(objectOf(objectOf(claudeJson)['mcpServers'])).flatMap(([name, server]) => {
    const { command } = objectOf(server);
    return typeof command === 'string' ? [{ where: `mcpServers → ${name}`, command }] : [];
  });
}

/**
 * The absolute paths that a command line begins words with, links and variables for the home folder resolved. What only
 * running it could tell is left out: other variables, patterns, paths that the command makes.
 */
export function pathsIn(command: string, { home, claudeHome }: MachinePaths): string[] {
  const words = command.match(/"[^"]*"|'[^']*'|[^\s;|&()<>]+/g) ?? [];
  return words.flatMap((word) => {
    const plain = word
      .replaceAll(/^["']|["']$/g, '')
      .replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/)/, home)
      .replace(/^(?:\$CLAUDE_CONFIG_DIR|\$\{CLAUDE_CONFIG_DIR\})(?=\/)/, claudeHome);
    const isMade = /^\/(?:dev|tmp)\//.test(plain) && !plain.startsWith(`${home}/`);
    return /^\/[^\s*?$`{}[\]]+$/.test(plain) && !isMade ? [plain] : [];
  });
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
