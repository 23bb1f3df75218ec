import { homedir } from 'node:os';
import path from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';
import { BUCKET_VARIABLES, readBucketVariables, type BucketVariable } from './bucket-variables.ts';
import { readGitVariables } from './git-variables.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem } from './problem.ts';

/** What Satchel takes from the environment. Values of settings are still text here; `loadConfig` parses them. */
export interface Environment {
  /** SATCHEL_HOME, absolute: holds config.json, keys and the store. */
  readonly home: string;
  /** HOME, absolute. */
  readonly userHome: string;
  /** CLAUDE_CONFIG_DIR, absolute, or ~/.claude: what is captured there. */
  readonly claudeHome: string;
  /** CLAUDE_CONFIG_DIR itself: Claude Code keeps .claude.json inside it where it is set, else in HOME. */
  readonly claudeConfigDir: string | null;
  /** CLAUDE_MEM_DATA_DIR, absolute, or ~/.claude-mem: claude-mem's settings and database. */
  readonly claudeMemHome: string;
  /** XDG_CONFIG_HOME, absolute, or ~/.config: where user units go. */
  readonly configHome: string;
  /** False where NO_COLOR is set or the terminal is dumb. */
  readonly color: boolean;
  /** What a person types to call Satchel: `npm start --` in a clone, where that called it, else `satchel`. */
  readonly program: string;
  /** SATCHEL_HOST, SATCHEL_PORT … by the key of the setting that they override. */
  readonly settings: Readonly<Partial<Record<EnvironmentSetting, string>>>;
  /** Secrets: what opens buckets. */
  readonly bucketVariables: Readonly<Partial<Record<BucketVariable, string>>>;
  /** What git may see of it. */
  readonly gitVariables: Readonly<Record<string, string>>;
  /** SATCHEL_STORE_PASSWORD, else PGPASSWORD: of the database in which a hub keeps its store. Never shown. */
  readonly storePassword: string | null;
  /** SATCHEL_STORE_PASSWORD_FILE: a file that holds it, mode 0600. */
  readonly storePasswordFile: string | null;
}

export type EnvironmentSetting = 'host' | 'port' | 'hub' | 'store' | 'objects' | 'metrics' | 'logLevel';

export const ENVIRONMENT_SETTINGS: Readonly<Record<EnvironmentSetting, string>> = {
  host: 'SATCHEL_HOST',
  port: 'SATCHEL_PORT',
  hub: 'SATCHEL_HUB',
  store: 'SATCHEL_STORE',
  objects: 'SATCHEL_OBJECTS',
  metrics: 'SATCHEL_METRICS',
  logLevel: 'SATCHEL_LOG_LEVEL',
};

const KNOWN = [
  'SATCHEL_HOME',
  'SATCHEL_STORE_PASSWORD',
  'SATCHEL_STORE_PASSWORD_FILE',
  ...Object.values(ENVIRONMENT_SETTINGS),
  ...BUCKET_VARIABLES.filter((name) => name.startsWith('SATCHEL_')),
];

/**
 * The one place that reads process.env. Loads nothing heavy: thin commands start with this alone. Empty variables
 * count as unset. Unknown SATCHEL_ variables are problems, since a mistyped one would be ignored in silence.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Result<Environment, ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('SATCHEL_') || KNOWN.includes(name)) continue;
    const near = nearestName(name, KNOWN);
    const fix = near === null ? `Unset it; known are ${KNOWN.join(', ')}` : `Did you mean ${near}?`;
    problems.push({ where: 'the environment', key: name, message: 'is not a variable of Satchel', fix });
  }
  const folder = (name: string, fallback: string): string => {
    const value = env[name];
    if (value === undefined || value === '') return fallback;
    if (value.includes('\0') || !path.isAbsolute(value)) {
      problems.push({
        where: 'the environment',
        key: name,
        message: 'expected an absolute path',
        fix: `Set ${name} to a path that starts at /`,
      });
    }
    return path.normalize(value);
  };
  const userHome = folder('HOME', homedir());
  const settings: Partial<Record<EnvironmentSetting, string>> = {};
  for (const [key, name] of Object.entries(ENVIRONMENT_SETTINGS) as [EnvironmentSetting, string][]) {
    const value = env[name];
    if (value !== undefined && value !== '') settings[key] = value;
  }
  const claudeHome = folder('CLAUDE_CONFIG_DIR', path.join(userHome, '.claude'));
  const environment: Environment = {
    home: folder('SATCHEL_HOME', path.join(userHome, '.satchel')),
    userHome,
    claudeHome,
    claudeConfigDir: (env['CLAUDE_CONFIG_DIR'] ?? '') === '' ? null : claudeHome,
    claudeMemHome: folder('CLAUDE_MEM_DATA_DIR', path.join(userHome, '.claude-mem')),
    configHome: folder('XDG_CONFIG_HOME', path.join(userHome, '.config')),
    color: (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    program: calledAs(env),
    settings,
    bucketVariables: readBucketVariables(env),
    gitVariables: readGitVariables(env),
    storePassword: env['SATCHEL_STORE_PASSWORD'] || env['PGPASSWORD'] || null,
    storePasswordFile: env['SATCHEL_STORE_PASSWORD_FILE'] || null,
  };
  return problems.length === 0 ? ok(environment) : fail(problems);
}

/** How this person calls the program: in a clone, `npm start -- COMMAND`. */
export function calledAs(env: NodeJS.ProcessEnv = process.env): string {
  return env['npm_lifecycle_event'] === 'start' && env['npm_package_name'] === 'satchel' ? 'npm start --' : 'satchel';
}
