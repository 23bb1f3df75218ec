/** A plugin that is switched on and would not load, and why. */
export interface LostPlugin {
  readonly plugin: string;
  readonly reason: string;
}

/**
 * Plugins that Claude Code shows as enabled and does not load: they are not registered, or the folder that the registry
 * names is not there. Parsed files; `exists` of absolute paths. Anything of another shape counts as empty.
 */
export function lostPlugins(settings: unknown, installed: unknown, marketplaces: unknown, exists: (path: string) => boolean): LostPlugin[] {
  const enabled = Object.entries(objectOf(objectOf(settings)['enabledPlugins'])).filter(([, on]) => on === true);
  return enabled.flatMap(([plugin]): LostPlugin[] => {
    const entries = objectOf(objectOf(installed)['plugins'])[plugin];
    const list: readonly unknown[] = Array.isArray(entries) ? entries : [];
    if (list.length === 0) return [{ plugin, reason: 'is enabled, and not registered on this machine' }];
    const missing = list.map((entry) => objectOf(entry)['installPath']).find((path) => typeof path === 'string' && !exists(path));
    if (typeof missing === 'string') return [{ plugin, reason: `is registered at ${missing}, which is not there` }];
    const market = plugin.slice(plugin.lastIndexOf('@') + 1);
    const location = objectOf(objectOf(marketplaces)[market])['installLocation'];
    if (typeof location === 'string' && !exists(location))
      return [{ plugin, reason: `comes from the marketplace ${market} at ${location}, which is not there` }];
    return [];
  });
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
