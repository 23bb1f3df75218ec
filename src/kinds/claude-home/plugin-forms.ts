import { createJsonForm } from './json-form.ts';

/** plugins/installed_plugins.json: which plugins are there, by name, and where on this machine. */
export const installedPluginsForm = createJsonForm({
  id: 'installed-plugins',
  name: 'plugins/installed_plugins.json',
  mayHoldSecrets: false,
  partsAt: ([key, name]) => (key === undefined || (key === 'plugins' && name === undefined) ? 'inside' : 'part'),
  atOnce: ([key]) => key === 'version',
});

/** plugins/known_marketplaces.json: where plugins come from, by name. */
export const knownMarketplacesForm = createJsonForm({
  id: 'known-marketplaces',
  name: 'plugins/known_marketplaces.json',
  mayHoldSecrets: false,
  partsAt: ([name]) => (name === undefined ? 'inside' : 'part'),
  atOnce: () => false,
});
