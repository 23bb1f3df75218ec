import { createJsonForm } from './json-form.ts';
import type { FormPart } from './form.ts';

/** Settings that change what is shown or said, and nothing that runs. Any other, and any unknown one, needs an answer. */
const INERT: ReadonlySet<string> = new Set([
  '$schema',
  'alwaysThinkingEnabled',
  'attribution',
  'autoUpdatesChannel',
  'cleanupPeriodDays',
  'companyAnnouncements',
  'editorMode',
  'effortLevel',
  'feedbackSurveyRate',
  'includeCoAuthoredBy',
  'includeGitInstructions',
  'language',
  'model',
  'outputStyle',
  'preferredNotifChannel',
  'prefersReducedMotion',
  'respectGitignore',
  'showThinkingSummaries',
  'showTurnDuration',
  'spinnerTipsEnabled',
  'spinnerTipsOverride',
  'spinnerVerbs',
  'syntaxHighlightingDisabled',
  'terminalProgressBarEnabled',
  'theme',
  'verbose',
  'viewMode',
]);

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
  atOnce([key, name], part) {
    if (key === undefined) return false;
    if (key === 'permissions') return restricts(name ?? '', part);
    if (key === 'enabledPlugins') return part.wanted === null || part.wanted === 'false';
    return INERT.has(key);
  },
});

/** Whether a change of a permission allows nothing that was not allowed before. */
export function restricts(list: string, { wanted, applied }: FormPart): boolean {
  if (list === 'allow' || list === 'additionalDirectories') return wanted === null;
  if (list === 'deny' || list === 'ask') return applied === null;
  return list === 'disableBypassPermissionsMode' && wanted === '"disable"';
}
