import { readMnemeSettings } from '../mneme/settings.ts';
import type { SatchelNode } from '../node.ts';
import { failed, passed, warned, type Check } from './check.ts';

/** The mneme gateway, where it is on: whether it listens, and who is let in. */
export async function checkMneme({ config, mneme, isLive }: SatchelNode): Promise<Check[]> {
  if (!config.mneme.enabled && mneme.address === null && mneme.problem === null) return [];
  const settings = await readMnemeSettings(config);
  if (!settings.ok)
    return [failed('mneme.settings', 'medium', `mneme is not served: ${settings.error}`, 'Correct it there, and run: satchel mneme serve')];
  const checks: Check[] = [];
  if (mneme.problem !== null)
    checks.push(failed('mneme.listens', 'medium', `mneme is not served: ${mneme.problem}`, 'Run: satchel mneme serve --port N'));
  else if (isLive && mneme.address !== null) checks.push(passed('mneme.listens', `mneme is served at ${mneme.address}`));
  if (settings.value.apiKeys?.length === 0)
    checks.push(
      warned(
        'mneme.open',
        'medium',
        'every program and user of this machine may read and change mneme’s memory: "apiKeys" is []',
        'Take "apiKeys" out of the configuration, and run: satchel mneme connect',
      ),
    );
  return checks;
}
