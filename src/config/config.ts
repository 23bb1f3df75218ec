import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';
import { variableProblems } from './check-variables.ts';
import type { Environment, EnvironmentSetting } from './environment.ts';
import { notJsonText } from './json-syntax.ts';
import { readPrivateFile, shellWord } from './private-file.ts';
import { parseSetting } from './parse-setting.ts';
import { plainConfig } from './plain-config.ts';
import type { ConfigProblem } from './problem.ts';
import type { ConfigFile } from './schema.ts';

/** Everything that a node is configured by, parsed. */
export interface Config extends ConfigFile {
  readonly environment: Environment;
  /** Path of config.json, whether it is there or not. */
  readonly file: string;
  /** Somebody said which port: in config.json, the environment or a flag. Else another one is as good. */
  readonly isPortChosen: boolean;
}

/** Settings given as flags; they win over the environment, which wins over the file. */
export type ConfigFlags = { readonly [K in EnvironmentSetting]?: ConfigFile[K] | undefined };

/**
 * Reads config.json and lays environment and flags over it. All problems at once, or the whole value; nothing is
 * created. Throws only on I/O errors.
 */
export async function loadConfig(environment: Environment, flags: ConfigFlags = {}): Promise<Result<Config, ConfigProblem[]>> {
  const file = path.join(environment.home, 'config.json');
  const problems: ConfigProblem[] = [];
  const unsafe = await folderProblem(environment.home);
  if (unsafe !== null) problems.push(unsafe);
  const fromFile = await readConfigFile(file);
  if (!fromFile.ok) problems.push(fromFile.error);
  const settings: Record<string, unknown> = fromFile.ok ? { ...fromFile.value } : {};

  const isPortChosen = [settings['port'], environment.settings.port, flags.port].some((port) => port !== undefined);
  if (problems.length === 0) {
    const plain = plainly(settings, environment, flags);
    if (plain !== null) return ok({ ...configOf(plain, environment, file), isPortChosen });
  }

  // zod takes 50 ms to load: only where something is to be said, or to be looked at more closely.
  const [{ configSchema }, { duplicateIdProblems, flagName, issueToProblems }] = await Promise.all([
    import('./schema.ts'),
    import('./validation.ts'),
  ]);
  const inFile = configSchema.safeParse(settings);
  if (!inFile.success) problems.push(...inFile.error.issues.flatMap((issue) => issueToProblems(issue, file, settings)));
  problems.push(...duplicateIdProblems(file, settings['sources']));

  problems.push(...(await variableProblems(environment)));
  for (const [key, text] of Object.entries(environment.settings) as [EnvironmentSetting, string][]) settings[key] = parseSetting(key, text);
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const parsed = configSchema.shape[key as EnvironmentSetting].safeParse(value);
    if (parsed.success) settings[key] = parsed.data;
    else problems.push(...parsed.error.issues.flatMap((issue) => issueToProblems(issue, 'the command line', value, flagName(key))));
  }
  if (problems.length > 0) return fail(problems);
  return ok({ ...configOf(configSchema.parse(settings), environment, file), isPortChosen });
}

/** `null` unless the file, the environment and the flags are each plainly right. */
function plainly(inFile: Readonly<Record<string, unknown>>, environment: Environment, flags: ConfigFlags): ConfigFile | null {
  const given = Object.entries(environment.settings) as [EnvironmentSetting, string][];
  const variables = Object.fromEntries(given.map(([key, text]) => [key, parseSetting(key, text)]));
  const layers = [inFile, variables, flags];
  if (layers.some((layer) => plainConfig(layer) === null)) return null;
  const set = layers.flatMap((layer) => Object.entries(layer).filter(([, value]) => value !== undefined));
  const plain = plainConfig(Object.fromEntries(set));
  return plain === null || new Set(plain.sources.map(({ id }) => id)).size < plain.sources.length ? null : plain;
}

function configOf(values: ConfigFile, environment: Environment, file: string): Omit<Config, 'isPortChosen'> {
  const sources = values.sources.map((source) => ({ ...source, path: expandHome(source.path, environment.userHome) }));
  return { ...values, sources, environment, file };
}

async function readConfigFile(file: string): Promise<Result<Record<string, unknown>, ConfigProblem>> {
  const text = await readPrivateFile(file, { mayLieClosed: true });
  if (!text.ok) return text;
  if (text.value === null) return ok({});
  let value: unknown;
  try {
    value = JSON.parse(text.value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return fail({ where: file, key: '', message: notJsonText(text.value), fix: 'Correct it there, or remove the file' });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return ok(value as Record<string, unknown>);
  return fail({ where: file, key: '', message: 'expected a JSON object', fix: 'Start the file with { and end it with }' });
}

/** Whoever may write into the folder may replace every file in it. */
async function folderProblem(folder: string): Promise<ConfigProblem | null> {
  let found;
  try {
    found = await stat(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (!found.isDirectory()) return { where: folder, key: '', message: 'is not a folder', fix: 'Set SATCHEL_HOME to a folder' };
  if (process.getuid === undefined || (found.mode & 0o022) === 0) return null;
  return { where: folder, key: '', message: 'can be written to by other users', fix: `Run: chmod 700 ${shellWord(folder)}` };
}

function expandHome(text: string, userHome: string): string {
  return path.normalize(text === '~' || text.startsWith('~/') ? path.join(userHome, text.slice(1)) : text);
}
