import { saveSettings } from './save-settings.ts';

/** Writes into config.json which port this node listens on from now on. */
export function savePort(file: string, port: number): Promise<void> {
  return saveSettings(file, () => ({ port }));
}
