import { createJsonForm } from './json-form.ts';
import type { FormPart } from './form.ts';

/**
 * Settings that change what is shown or said, and nothing that runs, with the type of their values: of another type they
 * could make Claude Code refuse the whole file, and the rest of what stands in it. Any other setting needs an answer.
 */
const INERT: Readonly<Record<string, 'string' | 'boolean' | 'number'>> = {
  $schema: 'string',
  alwaysThinkingEnabled: 'boolean',
  autoUpdatesChannel: 'string',
  cleanupPeriodDays: 'number',
  editorMode: 'string',
  effortLevel: 'string',
  feedbackSurveyRate: 'number',
  includeCoAuthoredBy: 'boolean',
  includeGitInstructions: 'boolean',
  language: 'string',
  model: 'string',
  outputStyle: 'string',
  preferredNotifChannel: 'string',
  prefersReducedMotion: 'boolean',
  respectGitignore: 'boolean',
  showThinkingSummaries: 'boolean',
  showTurnDuration: 'boolean',
  spinnerTipsEnabled: 'boolean',
  syntaxHighlightingDisabled: 'boolean',
  terminalProgressBarEnabled: 'boolean',
  theme: 'string',
  verbose: 'boolean',
  viewMode: 'string',
};

const LISTS: ReadonlySet<string> = new Set(['allow', 'ask', 'deny', 'additionalDirectories']);

/**
 * settings.json: by key; `env`, `permissions` and `enabledPlugins` by their own keys; permission lists by entry. What only
 * restricts goes in place at once.
 */
export const settingsForm = createJsonForm({
  id: 'settings',
  name: 'settings.json',
  mayHoldSecrets: true,
  partsAt([key, list, ...deeper]) {
    if (key === undefined) return 'inside';
    if (list === undefined) return key === 'env' || key === 'permissions' || key === 'enabledPlugins' ? 'inside' : 'part';
    return key === 'permissions' && LISTS.has(list) && deeper.length === 0 ? 'entries' : 'part';
  },
  atOnce(place, part) {
    const [key, name = ''] = place;
    if (key === undefined) return false;
    if (key === 'permissions')
      return LISTS.has(name) && place.length !== 3 ? part.wanted === null && name === 'allow' : restricts(name, part);
    if (key === 'enabledPlugins') return part.wanted === null || part.wanted === 'false';
    return isInert(key, part.wanted);
  },
});

function isInert(key: string, wanted: string | null): boolean {
  if (!Object.hasOwn(INERT, key)) return false;
  if (wanted === null) return true;
  const value: unknown = JSON.parse(wanted);
  // Nought days delete sessions before anybody has them.
  return typeof value === INERT[key] && !(key === 'cleanupPeriodDays' && Number(value) < 1);
}

/** Whether a change of a permission allows nothing that was not allowed before. */
export function restricts(list: string, { wanted, applied }: FormPart): boolean {
  if (list === 'allow' || list === 'additionalDirectories') return wanted === null;
  if (list === 'deny' || list === 'ask') return applied === null;
  return list === 'disableBypassPermissionsMode' && wanted === '"disable"';
}
