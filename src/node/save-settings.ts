import { realpath } from 'node:fs/promises';
import { readPrivateFile } from '../config/private-file.ts';
import { writePrivate } from './home.ts';

/** Writes settings into config.json, made where it is missing; the rest of it stays. Throws where it is not JSON. */
export async function saveSettings(
  file: string,
  change: (settings: Readonly<Record<string, unknown>>) => Record<string, unknown>,
): Promise<void> {
  const text = await readPrivateFile(file, { mayLieClosed: true });
  if (!text.ok) throw new Error(`${file} ${text.error.message}`);
  const settings = JSON.parse(text.value ?? '{}') as Record<string, unknown>;
  // Where it is a link, as into a folder of dotfiles, it stays one.
  const target = text.value === null ? file : await realpath(file);
  await writePrivate(target, `${JSON.stringify({ ...settings, ...change(settings) }, null, 2)}\n`);
}
