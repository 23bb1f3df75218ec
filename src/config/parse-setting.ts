import type { EnvironmentSetting } from './environment.ts';

/** Text of a variable as the value that the schema expects; text that is none stays text, and fails there. */
export function parseSetting(key: EnvironmentSetting, text: string): unknown {
  if (key === 'port') return /^\d{1,6}$/.test(text) ? Number(text) : text;
  if (key === 'hub' || key === 'metrics') return { true: true, '1': true, false: false, '0': false }[text.toLowerCase()] ?? text;
  return text;
}
