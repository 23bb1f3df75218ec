import { realpath } from 'node:fs/promises';
import { readPrivateFile } from '../config/private-file.ts';
import { writePrivate } from './home.ts';

/** Writes into config.json, made where it is missing, which port this node listens on from now on; the rest of it stays. Throws where it is not JSON. */
export async function savePort(file: string, port: number): Promise<void> {
  const text = await readPrivateFile(file);
  if (!text.ok) throw new Error(`${file} ${text.error.message}`);
  const settings = JSON.parse(text.value ?? '{}') as Record<string, unknown>;
  // Where it is a link, as into a folder of dotfiles, it stays one.
  const target = text.value === null ? file : await realpath(file);
  await writePrivate(target, `${JSON.stringify({ ...settings, port }, null, 2)}\n`);
}
