import { claudeJsonForm } from './claude-json-form.ts';
import type { Form } from './form.ts';
import { historyForm } from './history-form.ts';
import type { FormId } from './inventory.ts';
import { installedPluginsForm, knownMarketplacesForm } from './plugin-forms.ts';
import { settingsForm } from './settings-form.ts';

/** The forms by the ids that the inventory names. */
export const FORMS: ReadonlyMap<FormId, Form> = new Map(
  [settingsForm, claudeJsonForm, installedPluginsForm, knownMarketplacesForm, historyForm].map((form) => [form.id, form]),
);
