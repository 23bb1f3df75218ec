import type { ObjectStore } from '../core/ports/objects.ts';
import type { Random } from '../core/ports/random.ts';
import type { Store } from '../core/ports/store.ts';
import { createFolderObjects } from './chunks/folder-objects.ts';
import { createMemoryObjects } from './chunks/memory-objects.ts';
import { createSqliteStore } from './sqlite/sqlite-store.ts';

/** The only list of store drivers. `location` is a path for those that keep files. */
const STORES = {
  sqlite: (location: string): Promise<Store> => createSqliteStore({ path: location }),
  memory: (): Promise<Store> => createSqliteStore({ path: ':memory:' }),
} as const;

/** The only list of drivers for objects. */
const OBJECTS = {
  folder: (location: string, random: Random): ObjectStore => createFolderObjects({ path: location, random }),
  memory: (): ObjectStore => createMemoryObjects(),
} as const;

/** Throws for a driver that is not in the list. */
export async function openStore(driver: string, location: string): Promise<Store> {
  return pick(STORES, driver, 'store')(location);
}

/** Throws for a driver that is not in the list. */
export function openObjects(driver: string, location: string, deps: { readonly random: Random }): ObjectStore {
  return pick(OBJECTS, driver, 'object')(location, deps.random);
}

function pick<T>(drivers: Readonly<Record<string, T>>, name: string, what: string): T {
  const driver = Object.hasOwn(drivers, name) ? drivers[name] : undefined;
  if (driver === undefined) throw new Error(`unknown ${what} driver "${name}"; there are: ${Object.keys(drivers).join(', ')}`);
  return driver;
}
