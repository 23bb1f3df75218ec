import { readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { NodeHome } from './home.ts';

/** What a node makes in SATCHEL_HOME, by the beginnings of the names. */
const OURS = [
  'store.db',
  'index.db',
  'objects',
  'git',
  'keys',
  'backups',
  'node.log',
  'node.log.old',
  'node.lock',
  'lock-holder.json',
  'running.json',
  'api-token',
  'mneme-token',
  'metrics-token',
  'config.json',
  'log',
];

/**
 * Removes a node's folder: the keys first, so that an interruption leaves nothing that opens the rest. What is not
 * Satchel's stays, and is returned. The node must be closed.
 */
export async function purgeHome(home: NodeHome): Promise<string[]> {
  await rm(home.keys, { recursive: true, force: true });
  const foreign: string[] = [];
  for (const name of await readdir(home.root)) {
    if (isOurs(name)) await rm(path.join(home.root, name), { recursive: true, force: true });
    else foreign.push(name);
  }
  if (foreign.length === 0) await rmdir(home.root);
  return foreign;
}

function isOurs(name: string): boolean {
  return OURS.some(
    (own) => name === own || (name.startsWith(`${own}-`) && own.endsWith('.db')) || (name.startsWith(`${own}.`) && name.endsWith('.tmp')),
  );
}
