import { ENVIRONMENT_SETTINGS, type Environment, type EnvironmentSetting } from './environment.ts';
import { parseSetting } from './parse-setting.ts';
import { plainConfig } from './plain-config.ts';
import type { ConfigProblem } from './problem.ts';

/** What is wrong with the variables that are settings, also for a command that reads no configuration. Loads little where all are right. */
export async function variableProblems({ settings }: Pick<Environment, 'settings'>): Promise<ConfigProblem[]> {
  const given = Object.entries(settings) as [EnvironmentSetting, string][];
  if (plainConfig(Object.fromEntries(given.map(([key, text]) => [key, parseSetting(key, text)]))) !== null) return [];
  const [{ configSchema }, { issueToProblems }] = await Promise.all([import('./schema.ts'), import('./validation.ts')]);
  return given.flatMap(([key, text]) => {
    const value = parseSetting(key, text);
    const parsed = configSchema.shape[key].safeParse(value);
    return parsed.success
      ? []
      : parsed.error.issues.flatMap((issue) => issueToProblems(issue, 'the environment', value, ENVIRONMENT_SETTINGS[key]));
  });
}
